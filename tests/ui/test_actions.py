"""`flowc ui --allow-actions`: each action is asked for once, and runs in a process of its own."""

from __future__ import annotations

import html
import os
import re
import signal
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from flowc.ui.acting import form_tokens as tokens
from flowc.ui.acting.action_processes import MOST_AT_ONCE
from flowc.ui.acting.form_tokens import AskedBefore, FormExpired, FormSpent, FormTokens
from flowc.ui.acting.form_values import ValueRefused, class_of, parameters_of, run_of, tags_of, template_of
from flowc.ui.acting.startable import flow_files
from flowc_runtime.run.views.status_view import read_status
from project import passing, wait_until

from .acting_server import ActingServer, acting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flowc_runtime.store.records.run_store import RunStore
    from project import Project

FLOW = f"""
    import fcntl
    import os
    import sys
    from metaflow import FlowSpec, Parameter, step

    class ActFlow(FlowSpec):
        word = Parameter("word", default="none")
        waits = Parameter("waits", default=False)
        fails = Parameter("fails", default=False)

        @step
        def start(self):
            print("the word is", self.word)
            if self.waits:
                {passing()}
            self.next(self.end)

        @step
        def end(self):
            if self.fails and not os.path.exists("mended"):
                sys.exit(3)
"""


@pytest.fixture
def flow(project: Project) -> Project:
    project.write("act.py", FLOW)
    return project


@pytest.fixture
def server(flow: Project) -> Iterator[ActingServer]:
    with acting(flow, "--allow-actions") as served:
        yield served


def newest(project: Project) -> RunStore:
    return project.store.run("ActFlow", project.store.runs("ActFlow")[-1])


def number_of_runs(project: Project) -> int:
    return len(project.store.runs("ActFlow")) if "ActFlow" in project.store.flows() else 0


def failed_run(project: Project) -> RunStore:
    assert project.flowc("run", "--local", "act.py", "--fails", "True").code == 1
    return newest(project)


# -- what is allowed


def test_without_the_option_nothing_can_be_asked(flow: Project) -> None:
    run = flow.run("act.py")
    with acting(flow) as server:
        page = server.get(f"run/{run.flow}/{run.id}")
        assert page.status == 200
        assert "<form" not in page.text
        assert "do/" not in page.text
        for path in (f"do/delete?of={run.flow}/{run.id}", "actions", "action/1", "do/start?of=act.py"):
            assert server.get(path).status == 404
        for path in (f"do/delete?of={run.flow}/{run.id}", "do/start?of=act.py", "", "anything"):
            assert server.post(path, {"token": "a"}).status == 403
    assert run.exists()
    assert number_of_runs(flow) == 1


@pytest.mark.parametrize("origin", [None, "http://evil.example", "null"])
def test_a_form_from_elsewhere_is_refused(flow: Project, server: ActingServer, origin: str | None) -> None:
    form = server.form("start", "act.py")
    assert server.post(form.path, {"token": form.token}, origin).status == 403
    assert number_of_runs(flow) == 0
    assert form.send().status == 200  # the token was not spent


def test_a_form_without_its_token_is_refused(flow: Project, server: ActingServer) -> None:
    run = flow.run("act.py")
    other = server.form("tag", f"{run.flow}/{run.id}")
    for token in ("", "guessed", "é", other.token):
        reply = server.post(f"do/delete?of={run.flow}/{run.id}", {"token": token})
        assert reply.status == 409
        assert "Nothing was done" in reply.text
    assert run.exists()


# -- the actions


def test_start_follow_and_link(flow: Project, server: ActingServer) -> None:
    gate = flow.gate()
    page = server.form("start", "act.py").send(parameters='waits=True\nword=--"a b" $(touch x)', tags="one\ntwo words")
    wait_until(lambda: "the word is" in server.get(page.url).text, "the output is not shown while the run is active")
    assert "state running" in server.get(page.url).text
    gate.open()
    text = server.finished(page)
    run = newest(flow)
    assert '[start] the word is --"a b" $(touch x)' in text
    assert "exit code 0" in text
    assert f'href="../run/ActFlow/{run.id}"' in text
    assert run.user_tags() == {"one", "two words"}
    assert run.record()["parameters"]["word"] == '--"a b" $(touch x)'
    assert not (flow.root / "x").exists()
    assert "Start a run" in server.get("actions").text


def test_a_failed_action_shows_its_exit_code(server: ActingServer) -> None:
    text = server.finished(server.form("start", "act.py").send(parameters="fails=True"))
    assert "exit code 1" in text
    assert "state failed" in text


@pytest.mark.parametrize("name", ["retry", "resume"])
def test_run_again(flow: Project, server: ActingServer, name: str) -> None:
    run = failed_run(flow)
    flow.write("mended", "")
    text = server.finished(server.form(name, f"{run.flow}/{run.id}").send())
    assert "exit code 0" in text, text
    assert newest(flow).record()["origin"] == run.id
    assert f"run/ActFlow/{newest(flow).id}" in text


def test_resume_from_a_step(flow: Project, server: ActingServer) -> None:
    run = flow.run("act.py")
    form = server.form("resume", f"{run.flow}/{run.id}")
    assert re.findall(r"<option[^>]*>(\w+)</option>", form.text) == ["start", "end"]
    assert form.send(step="--force").status == 400
    text = server.finished(form.send(step="end"))
    assert "exit code 0" in text, text
    assert newest(flow).record()["resumed_from"] == "end"


def test_resume_needs_the_file(flow: Project, server: ActingServer) -> None:
    run = failed_run(flow)
    (flow.root / "act.py").rename(flow.root / "other.py")
    form = server.form("resume", f"{run.flow}/{run.id}")
    assert "the flow&#39;s file act.py is not below the directory" in form.text
    assert form.send().status == 400


def test_tag_and_untag(flow: Project, server: ActingServer) -> None:
    run = flow.run("act.py", "--tag", "old")
    name = f"{run.flow}/{run.id}"
    assert "exit code 0" in server.finished(server.form("tag", name).send(tags="new\na=b;rm -r *\n"))
    assert "exit code 0" in server.finished(server.form("untag", name).send(tags="old"))
    assert run.user_tags() == {"new", "a=b;rm -r *"}
    refused = server.form("tag", name).send(tags="--store=elsewhere")
    assert refused.status == 400
    assert "is not a tag" in refused.text
    assert server.form("tag", name).send(tags="").status == 400


def test_stop(flow: Project, server: ActingServer) -> None:
    flow.gate()
    process = flow.start("-m", "flowc", "run", "--local", "act.py", "--waits", "True")
    wait_until(lambda: number_of_runs(flow) == 1 and newest(flow).exists(), "the run does not begin")
    run = newest(flow)
    name = f"{run.flow}/{run.id}"
    assert f"do/stop?of=ActFlow%2F{run.id}" in server.get(f"run/{name}").text
    form = server.form("stop", name)
    assert 'class="danger"' in form.text
    assert read_status(run).is_running
    assert f"run {name}: interrupted" in server.finished(form.send())
    assert process.wait() == 128 + signal.SIGTERM
    assert "do/stop" not in server.get(f"run/{name}").text


def test_a_stopped_run_is_stopped_once(flow: Project, server: ActingServer) -> None:
    run = flow.run("act.py")
    text = server.finished(server.form("stop", f"{run.flow}/{run.id}").send())
    assert "is not active: succeeded" in text
    assert "exit code 1" in text


def test_delete(flow: Project, server: ActingServer) -> None:
    kept, gone = flow.run("act.py"), flow.run("act.py")
    form = server.form("delete", f"{gone.flow}/{gone.id}")
    assert "cannot be undone" in form.text
    assert gone.exists()
    assert "deleted 1 run" in server.finished(form.send())
    assert not gone.exists()
    assert kept.exists()
    assert server.get(f"run/{gone.flow}/{gone.id}").status == 404


def test_delete_keeps_a_run_that_another_has_resumed(flow: Project, server: ActingServer) -> None:
    run = failed_run(flow)
    flow.write("mended", "")
    assert flow.flowc("retry", f"{run.flow}/{run.id}").code == 0
    text = server.finished(server.form("delete", f"{run.flow}/{run.id}").send())
    assert "has resumed it" in text
    assert "exit code 1" in text
    assert run.exists()


# -- once


def test_a_form_is_sent_once(flow: Project, server: ActingServer) -> None:
    """A double click, or the back button: the second request says when and by whom the first one came."""
    form = server.form("start", "act.py")
    first = form.send()
    second = form.send()
    assert second.status == 409
    assert re.search(r"asked for already, at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d, by 127\.0\.0\.1", second.text)
    assert first.url.rpartition("/")[2] in second.text
    server.finished(first)
    assert form.send(parameters="word=x").status == 409
    assert number_of_runs(flow) == 1


def test_both_clicks_at_the_same_time(flow: Project, server: ActingServer) -> None:
    form = server.form("start", "act.py")
    with ThreadPoolExecutor(8) as pool:
        replies = [*pool.map(lambda _: form.send(), range(8))]
    assert sorted(reply.status for reply in replies) == [200, *[409] * 7]
    server.finished(next(reply for reply in replies if reply.status == 200))
    assert number_of_runs(flow) == 1


@pytest.mark.parametrize("second", ["retry", "resume"])
def test_two_people_at_once(flow: Project, server: ActingServer, second: str) -> None:
    run = failed_run(flow)
    name = f"{run.flow}/{run.id}"
    ann, bob = server.form("retry", name), server.form(second, name)
    server.finished(ann.send())
    told = bob.send()
    assert told.status == 409
    assert "asked for already" in told.text
    assert number_of_runs(flow) == 2
    assert server.form(second, name).send().status == 200  # a new form asks again


def test_other_values_are_another_request(flow: Project, server: ActingServer) -> None:
    ann, bob = server.form("start", "act.py"), server.form("start", "act.py")
    pages = [ann.send(parameters="word=a"), bob.send(parameters="word=b")]
    assert [page.status for page in pages] == [200, 200]
    for page in pages:
        server.finished(page)
    assert number_of_runs(flow) == 2


def test_no_more_than_four_at_once(flow: Project, server: ActingServer) -> None:
    gate = flow.gate()
    forms = [server.form("start", "act.py") for _ in range(MOST_AT_ONCE + 1)]
    pages = [form.send(parameters=f"waits=True\nword={number}") for number, form in enumerate(forms)]
    assert [page.status for page in pages] == [*[200] * MOST_AT_ONCE, 429]
    wait_until(lambda: number_of_runs(flow) == MOST_AT_ONCE and newest(flow).exists(), "the runs do not begin")
    stopped = server.finished(server.form("stop", f"ActFlow/{newest(flow).id}").send())  # a run can always be stopped
    assert "interrupted" in stopped
    gate.open()
    for page in pages[:-1]:
        server.finished(page)
    assert forms[-1].send().status == 200  # its token was not spent


def test_expired() -> None:
    now = 1000.0
    given = FormTokens(lambda: now)
    token = given.issue("stop", "F/1")
    now += tokens.LIFETIME + 1
    with pytest.raises(FormExpired):
        given.check(token, "stop", "F/1", ("stop", "F/1"))


def test_tokens_are_bound() -> None:
    now = 1000.0
    given = FormTokens(lambda: now)
    token = given.issue("stop", "F/1")
    for action, subject in (("delete", "F/1"), ("stop", "F/2")):
        with pytest.raises(FormExpired):
            given.check(token, action, subject, (action, subject))
    given.check(token, "stop", "F/1", ("stop", "F/1"))
    given.spend(token, ("stop", "F/1"), AskedBefore(now, "me", "1"))
    with pytest.raises(FormSpent):
        given.check(token, "stop", "F/1", ("stop", "F/1"))
    now += 1
    given.check(given.issue("stop", "F/1"), "stop", "F/1", ("stop", "F/1"))


def test_no_more_forms_are_remembered_than_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MOST", 3)
    given = FormTokens(lambda: 0.0)
    first, *others = [given.issue("stop", "F/1") for _ in range(4)]
    with pytest.raises(FormExpired):
        given.check(first, "stop", "F/1", ())
    given.check(others[-1], "stop", "F/1", ())


# -- processes


def test_the_end_of_the_server_ends_no_run(flow: Project) -> None:
    gate = flow.gate()
    with acting(flow, "--allow-actions") as server:
        server.form("start", "act.py").send(parameters="waits=True")
        wait_until(lambda: number_of_runs(flow) == 1 and newest(flow).exists(), "the run does not begin")
        # Ctrl-C in the server's terminal reaches all processes of the terminal's session
        assert os.getsid(newest(flow).record()["process"]["pid"]) != os.getsid(server.process.pid)
    assert server.process.poll() is not None
    assert read_status(newest(flow)).is_running
    gate.open()
    wait_until(lambda: not read_status(newest(flow)).is_running, "the run does not end")
    assert read_status(newest(flow)).state == "succeeded"


def test_the_server_leaves_no_files(flow: Project) -> None:
    place = flow.root / "temporary"
    place.mkdir()
    with acting(flow, "--allow-actions", TMPDIR=str(place)) as server:
        assert [*place.iterdir()] == []
        server.finished(server.form("start", "act.py").send(parameters="word=a"))
        (made,) = place.glob("flowc-ui-*")
        assert made.stat().st_mode & 0o077 == 0  # nobody else reads the output
    assert not made.exists()


def test_a_killed_action_is_shown(flow: Project, server: ActingServer) -> None:
    flow.gate()
    page = server.form("start", "act.py").send(parameters="waits=True")
    wait_until(lambda: number_of_runs(flow) == 1 and newest(flow).exists(), "the run does not begin")
    run = newest(flow)
    os.kill(run.record()["process"]["pid"], signal.SIGKILL)
    assert "ended by signal 9" in server.finished(page)
    assert "killed" in server.get(f"run/{run.flow}/{run.id}").text


def test_the_token_of_the_page_does_not_reach_the_flow(flow: Project) -> None:
    flow.write("act.py", FLOW.replace('print("the word is"', 'print(*os.environ, "the word is"'))
    token = "0123456789abcdef"
    with acting(flow, "--allow-actions", FLOWC_UI_TOKEN=token) as server:
        assert server.get("").status == 403
        assert server.get("healthz").text == "ok\n"
        assert server.get("?token=%C3%A9").status == 403
        assert server.get(f"?token={token}").status == 200
        text = server.finished(server.form("start", "act.py").send())
    assert "exit code 0" in text
    assert "PATH" in text
    assert "FLOWC_UI_TOKEN" not in text


def test_other_users_of_this_machine_need_the_token(server: ActingServer) -> None:
    """Actions run code as the user who started the server, so the page needs a token even on loopback."""
    assert server.token
    for path in ("", "actions", "do/start?of=act.py"):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"{server.url}{path}")


def test_two_servers_of_one_machine(flow: Project) -> None:
    """A browser sends the cookies of all ports of a machine: a second server must not replace the first one's."""
    with acting(flow, "--allow-actions") as first, acting(flow, "--allow-actions") as second:
        assert first.get(f"{second.url}?token={second.token}").status == 200
        assert first.get("actions").status == 200


def test_a_short_token_is_refused(flow: Project) -> None:
    done = flow.flowc("ui", "--no-open", FLOWC_UI_TOKEN="short")
    assert done.code == 2
    assert "at least 16" in done.err


# -- hostile names and values


@pytest.mark.parametrize("subject", [
    "../act.py", "/etc/passwd", "-c", "--help", "act.py:Other", "", "act.py\0", "sub/../act.py", "missing.py",
    "<script>alert(1)</script>",
])  # fmt: skip
def test_only_known_files_are_started(flow: Project, server: ActingServer, subject: str) -> None:
    form = server.form("start", subject)
    assert "<script>alert" not in form.text
    reply = form.send()
    assert reply.status == 400
    assert "there is no flow file" in html.unescape(reply.text)


@pytest.mark.parametrize(
    "subject", ["--all/x", "ActFlow/..", "ActFlow/-x", "../x", "ActFlow", "ActFlow/x/y", "A b/c", "%2e%2e/x"]
)
def test_only_runs_of_the_store_are_deleted(flow: Project, server: ActingServer, subject: str) -> None:
    flow.run("act.py")
    path = f"do/delete?of={quote(subject, safe='')}"
    assert server.get(path).status == 404
    assert server.post(path, {"token": "a"}).status == 404
    assert number_of_runs(flow) == 1


def test_flow_files_are_those_below(tmp_path: Path) -> None:
    below = tmp_path / "here"
    for name in ("a.py", "deep/er/b.py", "-c.py", ".hidden/d.py", ".venv/lib/e.py", "venv/f.py", "-dir/g.py"):
        (below / name).parent.mkdir(parents=True, exist_ok=True)
        (below / name).write_text("class F(FlowSpec): ...\nraise SystemExit('imported')\n")
    (below / "other.py").write_text("print(1)\n")
    (below / "text.txt").write_text("FlowSpec\n")
    (tmp_path / "above.py").write_text("FlowSpec\n")
    (below / "link.py").symlink_to(tmp_path / "above.py")
    (below / "linked").symlink_to(tmp_path)
    (below / "new\nline.py").write_text("FlowSpec\n")
    assert flow_files(below) == ["a.py", "deep/er/b.py"]


@pytest.mark.parametrize("text", ["--force", "-x=1", "a b=1", "=1", "a", "a=1\na=2", "a=\0"])
def test_parameters_that_are_refused(text: str) -> None:
    with pytest.raises(ValueRefused):
        parameters_of(text)


def test_parameters() -> None:
    assert parameters_of("\na=1=2\r\n  b-c = --x \n") == {"a": "1=2", "b-c": " --x "}


@pytest.mark.parametrize("text", ["-a", "a\x1b[31m", "--"])
def test_tags_that_are_refused(text: str) -> None:
    with pytest.raises(ValueRefused):
        tags_of(text)


@pytest.mark.parametrize("text", ["--context=x", "a b", "A", "", "a/b", "é"])
def test_names_of_deployed_flows(text: str) -> None:
    with pytest.raises(ValueRefused):
        template_of(text)
    assert template_of("my-flow.v2") == "my-flow.v2"


def test_other_names() -> None:
    for text in ("-x", "a b", "1a"):
        with pytest.raises(ValueRefused):
            class_of(text)
    for text in ("a", "a/", "/b", "-a/b", "a/-b", "a/b/c", "../b"):
        with pytest.raises(ValueRefused):
            run_of(text)
    assert run_of("Flow/20260101-x.1") == ("Flow", "20260101-x.1")


def test_an_option_is_no_parameter(flow: Project, server: ActingServer) -> None:
    """The names in the field of parameters are the flow's only: no option of flowc can be given there."""
    text = server.finished(server.form("start", "act.py").send(parameters="run-id-file=elsewhere"))
    assert "has no parameter 'run-id-file'" in text
    assert not (flow.root / "elsewhere").exists()
    assert number_of_runs(flow) == 0
