"""Resuming a run: finished tasks are not run again, for graphs of every form and failures at every step.

Each task prints `ran STEP/ITEM`; the environment variable BREAK names the step that fails.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from gateway import gateway
from project import Project, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from project import Finished

HEAD = """
import os
import time
from metaflow import FlowSpec, IncludeFile, JSONType, Parameter, catch, current, parallel, retry, step

def ran(what):
    print("ran", what)
    if what in os.environ.get("BREAK", "").split():
        raise ValueError(f"broken: {what}")
"""

FOREACH = """
class Each(FlowSpec):
    n = Parameter("n", default=3)
    factor = Parameter("factor", default=1)

    @step
    def start(self):
        ran("start")
        self.items = list(range(self.n))
        self.next(self.each, foreach="items")

    @step
    def each(self):
        ran(f"each{self.input}")
        self.value = self.input * 10
        self.next(self.more)

    @step
    def more(self):
        ran(f"more{self.input}")
        self.value += 1
        self.next(self.join)

    @step
    def join(self, inputs):
        ran("join")
        self.total = sum(given.value for given in inputs) * self.factor
        self.next(self.end)

    @step
    def end(self):
        ran("end")
"""

BRANCH = """
class Branches(FlowSpec):
    @step
    def start(self):
        ran("start")
        self.next(self.left, self.right)

    @step
    def left(self):
        ran("left")
        self.x = 1
        self.next(self.join)

    @step
    def right(self):
        ran("right")
        self.x = 2
        self.next(self.join)

    @step
    def join(self, inputs):
        ran("join")
        self.x = inputs.left.x + inputs.right.x
        self.next(self.end)

    @step
    def end(self):
        ran("end")
"""

LOOP = """
class Loop(FlowSpec):
    @step
    def start(self):
        ran("start")
        self.round = 0
        self.next(self.work)

    @step
    def work(self):
        self.round += 1
        ran(f"work{self.round}")
        self.next(self.check)

    @step
    def check(self):
        ran(f"check{self.round}")
        self.choice = "again" if self.round < 4 else "done"
        self.next({"again": self.work, "done": self.end}, condition="choice")

    @step
    def end(self):
        ran("end")
"""

GANG = """
class Gang(FlowSpec):
    @step
    def start(self):
        ran("start")
        self.next(self.member, num_parallel=3)

    @parallel
    @step
    def member(self):
        others = f".flowc/flows/Gang/runs/{current.run_id}/tasks/member"
        while current.parallel.node_index == 1 and not all(os.path.exists(f"{others}/0.{n}.json") for n in (0, 2)):
            time.sleep(0.01)
        ran(f"member{current.parallel.node_index}")
        self.node = current.parallel.node_index
        self.next(self.join)

    @step
    def join(self, inputs):
        ran("join")
        self.nodes = [given.node for given in inputs]
        self.next(self.end)

    @step
    def end(self):
        ran("end")
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def write(project: Project, flow: str) -> None:
    project.write(
        "flow.py", HEAD + flow + '\nif __name__ == "__main__":\n    ' + flow.split("(")[0].split()[-1] + "()\n"
    )


def flow(project: Project, *words: str, **environment: str) -> Finished:
    return project.python("flow.py", *words, **environment)


def ran(done: Finished) -> list[str]:
    """Return the tasks that the output names as executed, sorted, because items run in parallel."""
    return sorted(re.findall(r"\] ran (\w+)", done.out))


def broken(project: Project, text: str, where: str, *words: str) -> str:
    """Run the flow, in which the step `where` must fail, and return the run's id."""
    write(project, text)
    done = flow(project, "run", *words, BREAK=where)
    assert done.code == 1, done.err
    return project.latest().id


def resumed(project: Project, *words: str) -> list[str]:
    """Resume the run; return the tasks that were executed."""
    done = flow(project, "resume", *words)
    assert done.code == 0, done.err
    return ran(done)


def test_what_is_done_does_not_run_again(project: Project) -> None:
    origin = broken(project, FOREACH, "join")
    assert resumed(project) == ["end", "join"]
    run = project.latest()
    assert project.artifacts(run, "end")["total"] == 33
    assert run.status()["state"] == "succeeded"
    assert run.record()["origin"] == origin


def test_only_the_items_that_failed_run_again(project: Project) -> None:
    broken(project, FOREACH, "each2", "--max-workers", "1")
    assert resumed(project) == ["each2", "end", "join", "more2"]
    assert project.artifacts(project.latest(), "end")["total"] == 33


def test_an_item_goes_on_where_it_failed(project: Project) -> None:
    broken(project, FOREACH, "more0", "--max-workers", "1")
    assert "each0" not in resumed(project)
    assert project.artifacts(project.latest(), "end")["total"] == 33


def test_the_branch_that_is_done_does_not_run_again(project: Project) -> None:
    broken(project, BRANCH, "right")
    assert resumed(project) == ["end", "join", "right"]
    assert project.artifacts(project.latest(), "end")["x"] == 3


def test_a_step_may_be_named_and_what_depends_on_it_runs(project: Project) -> None:
    write(project, BRANCH)
    flow(project, "run")
    assert resumed(project, "left") == ["end", "join", "left"]


def test_a_step_inside_a_foreach_runs_for_every_item(project: Project) -> None:
    write(project, FOREACH)
    flow(project, "run")
    assert resumed(project, "more") == ["end", "join", "more0", "more1", "more2"]


def test_a_step_behind_the_failure_does_not_skip_the_failure(project: Project) -> None:
    broken(project, BRANCH, "right")
    assert resumed(project, "end") == ["end", "join", "right"]


def test_a_run_that_succeeded_is_reused_as_a_whole(project: Project) -> None:
    write(project, FOREACH)
    flow(project, "run")
    done = flow(project, "resume")
    assert (done.code, ran(done)) == (0, [])
    assert project.latest().status()["state"] == "succeeded"
    assert project.artifacts(project.latest(), "end")["total"] == 33


def test_a_loop_goes_on_in_the_iteration_that_failed(project: Project) -> None:
    broken(project, LOOP, "check3")
    assert resumed(project) == ["check3", "check4", "end", "work4"]
    assert project.artifacts(project.latest(), "end")["round"] == 4


def test_a_step_of_a_loop_runs_from_its_first_iteration_on(project: Project) -> None:
    write(project, LOOP)
    flow(project, "run")
    assert resumed(project, "check") == ["check1", "check2", "check3", "check4", "end", "work2", "work3", "work4"]


def test_the_choice_of_a_switch_is_kept(project: Project) -> None:
    broken(
        project,
        """
class Choice(FlowSpec):
    @step
    def start(self):
        ran("start")
        self.way = "b"
        self.next({"a": self.a, "b": self.b}, condition="way")

    @step
    def a(self):
        ran("a")
        self.next(self.end)

    @step
    def b(self):
        ran("b")
        self.next(self.end)

    @step
    def end(self):
        ran("end")
""",
        "end",
    )
    assert resumed(project) == ["end"]


def test_a_gang_runs_as_a_whole_or_not_at_all(project: Project) -> None:
    broken(project, GANG, "member1")
    done = flow(project, "resume")
    assert ran(done) == ["end", "join", "member0", "member1", "member2"]
    assert "member runs again: not all tasks of its gang are done" in done.err
    assert project.artifacts(project.latest(), "end")["nodes"] == [0, 1, 2]
    assert resumed(project, "join") == ["end", "join"]


def test_nested_foreach_with_empty_ones_and_a_branch_inside(project: Project) -> None:
    broken(
        project,
        """
class Nested(FlowSpec):
    @step
    def start(self):
        self.sizes = [2, 0, 1]
        self.next(self.outer, foreach="sizes")

    @step
    def outer(self):
        ran(f"outer{self.input}")
        self.numbers = list(range(self.input))
        self.next(self.inner, foreach="numbers")

    @step
    def inner(self):
        self.number = f"{self.foreach_stack()[0][0]}{self.input}"
        self.next(self.left, self.right)

    @step
    def left(self):
        ran(f"left{self.number}")
        self.next(self.both)

    @step
    def right(self):
        ran(f"right{self.number}")
        self.next(self.both)

    @step
    def both(self, inputs):
        self.number = inputs.left.number
        ran(f"both{self.number}")
        self.next(self.collect)

    @step
    def collect(self, inputs):
        self.numbers = sorted(given.number for given in inputs)
        self.next(self.all)

    @step
    def all(self, inputs):
        ran("all")
        self.numbers = [given.numbers for given in inputs]
        self.next(self.end)

    @step
    def end(self):
        ran("end")
""",
        "both20",
        "--max-workers", "1",
    )  # fmt: skip
    assert resumed(project) == ["all", "both20", "end"]
    assert project.artifacts(project.latest(), "end")["numbers"] == [["00", "01"], [], ["20"]]


def test_a_resumed_run_can_be_resumed(project: Project) -> None:
    first = broken(project, FOREACH, "more1", "--max-workers", "1")
    assert flow(project, "resume", BREAK="join").code == 1
    second = project.latest().id
    assert resumed(project) == ["end", "join"]
    third = project.latest()
    assert third.record()["origin"] == second
    assert third.task("start", "0")["origin"] == {"run": first, "step": "start", "path": "0", "attempt": 1}
    assert third.task("more", "0.1")["origin"]["run"] == second
    assert "origin" not in third.task("join", "0")


def test_a_failure_of_the_first_step_leaves_nothing_to_reuse(project: Project) -> None:
    broken(project, BRANCH, "start")
    assert resumed(project) == ["end", "join", "left", "right", "start"]


def test_a_failure_that_was_caught_is_done(project: Project) -> None:
    broken(
        project,
        """
class Caught(FlowSpec):
    @catch(var="failure")
    @retry(times=1)
    @step
    def start(self):
        ran("start")
        self.next(self.end)

    @step
    def end(self):
        ran("end")
        print("caught", bool(self.failure))
""",
        "start end",
    )
    done = flow(project, "resume")
    assert ran(done) == ["end"]
    assert "caught True" in done.out


# -- records -----------------------------------------------------------------------------------------------------------


def test_nothing_is_copied_and_the_logs_are_those_of_then(project: Project) -> None:
    broken(project, FOREACH, "join")
    first = project.latest()
    blobs = set(project.store.objects.names_below("blobs"))
    resumed(project)
    second = project.latest()
    old, new = first.task("each", "0.1"), second.task("each", "0.1")
    assert {**old, "run": second.id, "origin": new["origin"]} == new
    assert second.attempts("each") == {"0.0": [1], "0.1": [1], "0.2": [1]}
    assert second.tasks_run("each") == set()
    log = project.flowc("logs", f"Each/{second.id}/each/0.1")
    assert log.out == "ran each1\n"
    assert "ran start" in flow(project, "logs", f"{second.id}/start").out
    assert "ran more2" in project.flowc("logs", "--follow", f"Each/{second.id}").out
    # the only new value is the total that `join` stores
    assert len(set(project.store.objects.names_below("blobs")) - blobs) <= 1


def test_steps_know_what_they_resume(project: Project) -> None:
    origin = broken(
        project,
        """
class Knows(FlowSpec):
    @step
    def start(self):
        print("origin", current.origin_run_id)
        self.next(self.end)

    @step
    def end(self):
        ran("end")
        print("origin", current.origin_run_id, sorted(current.tags))
""",
        "end",
        "--tag", "old",
    )  # fmt: skip
    done = flow(project, "resume", "--tag", "new", "--run-id-file", "id")
    assert f"origin {origin} ['new']" in done.out
    run = project.latest()
    assert run.user_tags() == {"new"}
    assert (project.root / "id").read_text() == run.id


# -- changed code and parameters ---------------------------------------------------------------------------------------


def test_code_may_be_repaired(project: Project) -> None:
    broken(project, FOREACH, "join")
    write(project, FOREACH.replace("* self.factor", "* 100"))
    assert resumed(project) == ["end", "join"]
    assert project.artifacts(project.latest(), "end")["total"] == 3300


def test_a_new_step_runs_and_what_follows_it(project: Project) -> None:
    write(project, BRANCH)
    flow(project, "run")
    third = "self.third)\n\n    @step\n    def third(self):\n        ran('third')\n        self.next(self.join)"
    write(project, BRANCH.replace("self.right)", f"self.right, {third}", 1))
    assert resumed(project) == ["end", "join", "third"]


def test_a_step_that_follows_another_than_before_runs_again(project: Project) -> None:
    write(project, BRANCH)
    flow(project, "run")
    between = "self.between)\n\n    @step\n    def between(self):\n        self.next(self.end)"
    write(project, BRANCH.replace("self.end)", between, 1))
    assert resumed(project) == ["end"]
    write(project, BRANCH)
    done = flow(project, "resume")
    assert ran(done) == ["end"]
    assert "end runs again: its preceding steps have changed" in done.err


def test_a_foreach_over_something_else_runs_again(project: Project) -> None:
    write(project, FOREACH)
    flow(project, "run")
    write(project, FOREACH.replace("items", "others"))
    done = flow(project, "resume")
    assert "start runs again: its foreach now iterates over self.others" in done.err
    assert "start" in ran(done)


def test_only_what_read_a_changed_parameter_runs_again(project: Project) -> None:
    write(project, FOREACH)
    flow(project, "run")
    done = flow(project, "resume", "--factor", "5")
    assert ran(done) == ["end", "join"]
    assert "\njoin runs again: parameter 'factor' was 1 and is 5\nfollowing steps run again, too: end\n" in done.err
    assert project.artifacts(project.latest(), "end")["total"] == 165
    assert resumed(project, "--factor", "5") == []
    assert resumed(project, "--n", "1") == ["each0", "end", "join", "more0", "start"]
    assert project.latest().record()["parameters"] == {"n": 1, "factor": 5}


def test_a_parameter_that_a_forked_process_may_have_read_counts_as_read(project: Project) -> None:
    write(
        project,
        """
class Forks(FlowSpec):
    n = Parameter("n", default=3)

    @step
    def start(self):
        ran("start")
        pid = os.fork()
        if pid == 0:
            os._exit(self.n)
        self.got = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        self.next(self.end)

    @step
    def end(self):
        ran("end")
""",
    )
    flow(project, "run")
    assert resumed(project, "--n", "4") == ["end", "start"]
    assert project.artifacts(project.latest(), "end")["got"] == 4


KINDS = """
class Kinds(FlowSpec):
    text = Parameter("text", default="a")
    any = Parameter("any", type=JSONType, default="{}")
    file = IncludeFile("file", default="given.txt")

    @step
    def start(self):
        ran(f"start{self.file}")
        self.next(self.end)

    @step
    def end(self):
        ran(f"end_{self.text}_{self.any}")
"""


def test_parameters_of_all_kinds_are_kept(project: Project) -> None:
    """If `resume` is given a file for a parameter, the file's content decides whether the parameter has changed.

    Otherwise, the parameter keeps the file of the earlier run, even if this file has been renamed or deleted since.
    """
    project.write("given.txt", "one")
    write(project, KINDS)
    assert flow(project, "run", "--any", '"json"').code == 0
    project.write("given.txt", "changed")
    assert resumed(project, "end") == ["end_a_json"]
    project.write("other.txt", "one")
    assert resumed(project, "--file", "other.txt") == []
    done = flow(project, "resume", "--file", "given.txt")
    assert ran(done) == ["end_a_json", "startchanged"]
    assert re.search(
        r"start runs again: parameter 'file' was other.txt \(3 bytes, \w{8}…\) and is given.txt \(7 bytes", done.err
    )
    done = flow(project, "resume", "--text", "b" * 200)
    assert f"""parameter 'text' was "a" and is "{"b" * 98}…""" in done.err


def test_a_value_that_fits_no_more_has_to_be_given(project: Project) -> None:
    project.write("given.txt", "one")
    write(project, KINDS)
    assert flow(project, "run").code == 0
    write(project, KINDS.replace('default="a"', "default=1"))
    done = flow(project, "resume", "end")
    message = "Invalid value for '--text': the value of the earlier run no longer fits: 'a' is not an int. Pass a"
    assert (done.code, message in done.err) == (2, True), done.err
    assert resumed(project, "end", "--text", "2") == ["end_2_"]


def test_what_is_new_in_the_flow_has_its_default(project: Project) -> None:
    """New configs and parameters have their defaults; the project's branch must be given again, as in Metaflow."""
    write(project, CONFIGURED)
    assert flow(project, "--config-value", "settings", '{"rate": 3}', "run").code == 0
    more = "    more = Config('more', default_value={'rate': 4})\n    n = Parameter('n', default=5)\n\n    @step\n"
    text = CONFIGURED.replace("\n    @step\n", more, 1)
    write(project, text.replace("self.settings.rate", "self.settings.rate + self.more.rate + self.n"))
    file = project.root / "flow.py"
    file.write_text(
        "from metaflow import project\n" + file.read_text().replace("class", "@project(name='x')\nclass", 1)
    )
    assert resumed(project, "end") == ["end"]
    assert project.artifacts(project.latest(), "end")["got"] == 12
    assert flow(project, "--branch", "new", "resume").code == 0
    assert "project_branch:test.new" in project.latest().system_tags()
    assert resumed(project) == []
    assert not {"project_branch:test.new"} & project.latest().system_tags()


def test_what_was_deleted_from_outside_is_made_again(project: Project) -> None:
    write(project, BRANCH.replace("self.x = 1", "self.x = list(range(1000))"))
    assert flow(project, "run", BREAK="join").code == 1
    project.store.objects.delete_below("blobs")
    write(project, BRANCH.replace("inputs.left.x", "inputs.left.x[1]").replace("self.x = 1", "self.x = [0, 1]"))
    done = flow(project, "resume")
    assert (done.code, ran(done)) == (0, ["end", "join", "left"]), done.err
    assert "left runs again: artifact 'x' of left/0 is lost\n" in done.err


def test_what_is_deleted_meanwhile_is_told(project: Project) -> None:
    deleting = '__import__("shutil").rmtree(".flowc/blobs"); self.x = inputs.left.x[1]'
    write(
        project, BRANCH.replace("self.x = 1", "self.x = list(range(1000))").replace("self.x = inputs.left.x", deleting)
    )
    done = flow(project, "run")
    assert done.code == 1
    assert "error: step 'join' failed: artifact 'x' was deleted from the store (no blobs/" in done.err
    assert "): resume from the step that makes it" in done.err
    write(project, BRANCH)
    assert resumed(project, "left") == ["end", "join", "left"]


def test_two_resume_one_run_at_once(project: Project) -> None:
    origin = broken(project, FOREACH, "join")
    words = ("flow.py", "resume", "--origin-run-id", origin)
    with project.start(*words) as one, project.start(*words) as other:
        assert [one.wait(), other.wait()] == [0, 0]
    runs = [project.store.run("Each", run) for run in project.store.runs("Each") if run != origin]
    assert [run.record()["origin"] for run in runs] == [origin] * 2
    assert [project.artifacts(run, "end")["total"] for run in runs] == [33] * 2
    assert [run.tasks_run("each") for run in runs] == [set(), set()]


def test_parameters_are_those_of_the_run_that_is_resumed(project: Project) -> None:
    broken(
        project,
        """
class Given(FlowSpec):
    needed = Parameter("needed", type=int, required=True)

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        ran("end")
        self.got = self.needed
""",
        "end",
        "--needed", "7",
    )  # fmt: skip
    assert resumed(project) == ["end"]
    assert project.artifacts(project.latest(), "end")["got"] == 7


# -- which run ---------------------------------------------------------------------------------------------------------


def test_the_run_may_be_named(project: Project) -> None:
    origin = broken(project, BRANCH, "right")
    flow(project, "run")
    assert resumed(project, "--origin-run-id", origin) == ["end", "join", "right"]


def test_the_newest_run_is_ones_own(project: Project) -> None:
    origin = broken(project, BRANCH, "right")
    flow(project, "run", METAFLOW_USER="somebody")
    assert resumed(project) == ["end", "join", "right"]
    assert project.latest().record()["origin"] == origin


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nope"], "error: flow 'Branches' has no step 'nope'\nhint: steps: end, join, left, right, start\n"),
        (["--origin-run-id", "99"], "error: flow 'Branches' has no run '99'\nhint: flowc runs Branches\n"),
        ([], "has no run of flow 'Branches' in "),
    ],
)
def test_what_cannot_be_resumed(project: Project, words: list[str], message: str) -> None:
    write(project, BRANCH)
    done = flow(project, "resume", *words)
    assert done.code == 1
    assert message in done.err
    assert project.store.flows() == []


def test_a_run_that_goes_on_is_not_resumed(project: Project) -> None:
    write(project, BRANCH.replace('ran("left")', 'os.mkfifo("fifo"); open("fifo").read()'))
    with project.start("flow.py", "run") as process:
        wait_until(lambda: (project.root / "fifo").exists() or process.poll() is not None, "the step did not begin")
        assert process.poll() is None, "the run has ended"
        done = flow(project, "resume")
        assert done.code == 1
        assert "is still active\nhint: wait for its end, end it, or give another run by --origin-run-id" in done.err
        process.kill()


def test_a_run_of_another_machine_is_resumed_when_one_insists(project: Project) -> None:
    broken(project, BRANCH, "right")
    run = project.latest()
    run.set_status({"state": "running", "changed": 0.0})
    key = f"flows/Branches/runs/{run.id}/run.json"
    record = {**run.record(), "process": {"host": "elsewhere", "pid": 1}}
    run.objects.put(key, json.dumps(record).encode())
    done = flow(project, "resume")
    assert (done.code, "--force resumes it even if it is active" in done.err) == (1, True)
    assert resumed(project, "--force") == ["end", "join", "right"]


def test_a_resumption_that_was_killed_before_it_had_begun_is_resumed_as_what_it_was(project: Project) -> None:
    origin = broken(project, FOREACH, "join")
    flow(project, "resume", "more", BREAK="more0")
    killed = project.latest()
    for key in (f"flows/Each/runs/{killed.id}/reused.json", f"flows/Each/runs/{killed.id}/tasks/start/0.json"):
        killed.objects.delete(key)
    assert resumed(project) == ["end", "join", "more0", "more1", "more2"]
    assert project.latest().record()["origin"] == origin


def test_programs_are_told_what_is_reused(project: Project) -> None:
    origin = broken(project, BRANCH, "right")
    done = flow(project, "resume", "--log-format", "json")
    events = [json.loads(line) for line in done.out.splitlines()]
    (event,) = [event for event in events if event["event"] == "reused"]
    assert (event["origin"], event["tasks"], event["again"], event["following"]) == (f"Branches/{origin}", 2, {}, [])
    done = flow(project, "resume", "left", "--log-format", "json")
    (event,) = [event for line in done.out.splitlines() if (event := json.loads(line))["event"] == "reused"]
    assert (event["again"], event["following"]) == ({"left": "it was asked for"}, ["join", "end"])


CONFIGURED = """
from metaflow import Config

class Configured(FlowSpec):
    settings = Config("settings", required=True)

    @step
    def start(self):
        ran("start")
        self.next(self.end)

    @step
    def end(self):
        ran("end")
        self.got = self.settings.rate
"""


def test_configs_are_those_of_the_run_that_is_resumed(project: Project) -> None:
    write(project, CONFIGURED)
    assert flow(project, "--config-value", "settings", '{"rate": 3}', "run", BREAK="end").code == 1
    assert resumed(project) == ["end"]
    assert project.artifacts(project.latest(), "end")["got"] == 3
    done = flow(project, "--config-value", "settings", '{"rate": 4}', "resume")
    assert (done.code, done.err) == (
        1,
        "error: a resumed run has the configs of the run that it resumes\n"
        "hint: to set configs, start a new run: `run`\n",
    )
    assert project.flowc("resume", "--origin-run-id", project.latest().id, "flow.py", "end").code == 0
    assert project.artifacts(project.latest(), "end")["got"] == 3


# -- flowc retry -------------------------------------------------------------------------------------------------------


def test_retry_resumes_the_newest_run_that_failed(project: Project) -> None:
    origin = broken(project, BRANCH, "right")
    flow(project, "run")
    done = project.flowc("retry")
    assert (done.code, ran(done)) == (0, ["end", "join", "right"])
    assert project.latest().record()["origin"] == origin
    done = project.flowc("retry")  # no failed run is left, because the only one has been resumed
    assert done.code == 1
    assert "error: user '" in done.err
    assert "' has no failed run of any flow in " in done.err


def test_retry_of_one_flow_takes_the_options_of_resume(project: Project) -> None:
    broken(project, BRANCH, "right")
    done = project.flowc("retry", "Branches", "--tag", "again", "start", BREAK="left")
    assert done.code == 1
    assert project.latest().user_tags() == {"again"}
    done = project.flowc("retry", "flow.py", "--max-workers", "1")
    assert (done.code, "start" in ran(done), "left" in ran(done)) == (0, False, True)
    assert "Usage: flowc retry [OPTIONS]" in project.flowc("retry", "--help").out
    assert project.flowc("retry", "Nothing").code == 1


def test_the_client_knows_where_tasks_come_from(project: Project) -> None:
    origin = broken(project, FOREACH, "join")
    resumed(project)
    project.write(
        "look.py",
        """
        from metaflow import Flow

        run = Flow("Each").latest_run
        task = run["each"]["0.1"]
        print(run.successful, run.origin_pathspec, task.origin_pathspec, task.data.value, task.successful)
        print(task.stdout, len(list(run["each"])), run["join"].task.origin_pathspec)
        """,
    )
    done = project.python("look.py")
    assert done.out == (f"True Each/{origin} Each/{origin}/each/each-0.1 10 True\nran each1\n 3 None\n"), done.err


def test_the_client_tells_one_resumption_after_the_other(project: Project) -> None:
    first = broken(project, FOREACH, "join")
    assert flow(project, "resume", BREAK="end").code == 1
    second = project.latest().id
    resumed(project)
    project.write(
        "look.py",
        f"""
        from metaflow import Flow

        run = Flow("Each").latest_run
        tasks = [run[step].task for step in ("start", "join", "end")]
        print([task.origin_pathspec for task in tasks], [task.stdout for task in tasks])
        print(run.origin_pathspec, run["start"].task.metadata_dict["origin-run-id"], run.parent["{second}"].origin_pathspec)
        """,
    )
    done = project.python("look.py")
    assert done.out.splitlines() == [
        str([f"Each/{second}/start/start-0", f"Each/{second}/join/join-0", None])
        + " ['ran start\\n', 'ran join\\n', 'ran end\\n']",
        f"Each/{second} {second} Each/{first}",
    ], done.err


def test_a_run_in_a_bucket(project: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    write(project, FOREACH)
    with gateway(tmp_path_factory.mktemp("s3")) as s3:
        place = {**s3.environment, "FLOWC_STORE": s3.bucket("resumes")}
        assert flow(project, "run", "--n", "20", BREAK="join", **place).code == 1
        done = flow(project, "resume", **place)
        assert (done.code, ran(done)) == (0, ["end", "join"]), done.err
        done = project.flowc("retry", **place)
        assert "has no failed run of any flow in s3://resumes that was not resumed yet" in done.err
        done = flow(project, "spin", "more", **place)
        assert (done.code, ran(done)) == (0, ["more19"]), done.err
