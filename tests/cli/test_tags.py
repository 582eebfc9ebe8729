"""Tagging runs: `run --tag`, `flowc tag`, the `tag` of a flow's own file, `flowc runs --tag`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from flowc import __version__
from small_flows import two_steps

if TYPE_CHECKING:
    from project import Project

FLOW = two_steps("Tagged", imports="FlowSpec, step, current", start="self.tags = sorted(current.tags)")


@pytest.fixture
def tagged(project: Project) -> Project:
    project.environment["METAFLOW_USER"] = "ann"
    project.write("flow.py", FLOW)
    project.run("flow.py", "--tag", "a", "--tag", "b=ü", "--tag", "a")
    return project


def test_a_run_with_tags(tagged: Project) -> None:
    run = tagged.latest()
    assert run.user_tags() == {"a", "b=ü"}
    assert tagged.artifacts(run, "start")["tags"] == ["a", "b=ü"]
    assert {"user:ann", "runtime:dev"} <= run.system_tags()


def test_tags_before_the_command_and_from_the_environment(tagged: Project) -> None:
    done = tagged.python("flow.py", "--tag", "x", "run", "--tag", "y")
    assert done.code == 0, done.err
    assert tagged.latest().user_tags() == {"x", "y"}
    tagged.run("flow.py", METAFLOW_RUN_TAGS="p q")
    assert tagged.latest().user_tags() == {"p", "q"}


@pytest.mark.parametrize(("tag", "message"), [("", "cannot be empty"), ("x" * 501, "at most 500 characters")])
def test_no_run_begins_with_what_is_no_tag(tagged: Project, tag: str, message: str) -> None:
    done = tagged.python("flow.py", "run", "--tag", tag)
    assert done.code == 1
    assert message in done.err
    assert len(tagged.store.runs("Tagged")) == 1


def test_flowc_tag(tagged: Project) -> None:
    run = tagged.latest()
    assert tagged.flowc("tag", "add", "Tagged/latest", "c", "a/b").code == 0
    assert tagged.flowc("tag", "remove", f"Tagged/{run.id}", "a", "never").code == 0
    assert tagged.flowc("tag", "replace", "Tagged/latest", "--remove", "c", "--add", "d", "--add", "e").code == 0
    listed = tagged.flowc("tag", "list", "Tagged/latest", "--hide-system-tags").out.splitlines()
    assert listed == ["a/b", "b=ü", "d", "e"]
    assert "user:ann" in tagged.flowc("tag", "list", "Tagged/latest").out.splitlines()
    as_json = json.loads(tagged.flowc("tag", "list", "Tagged/latest", "--json").out)
    assert as_json["tags"] == listed
    assert f"metaflow_version:2.19.39+flowc.{__version__}" in as_json["system_tags"]


def test_a_tag_that_is_removed_and_added_stays(tagged: Project) -> None:
    tagged.flowc("tag", "replace", "Tagged/latest", "--remove", "a", "--add", "a")
    assert tagged.latest().user_tags() == {"a", "b=ü"}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["add", "Tagged/latest", "user:ann"], 0, "note: the run has these as system tags already: user:ann"),
        (["add", "Tagged/latest", ""], 1, "error: a tag cannot be empty"),
        (["remove", "Tagged/latest", "user:ann"], 1, "error: system tags cannot be removed: user:ann"),
        (["add", "Tagged/nope", "x"], 1, "error: flow 'Tagged' has no run 'nope'"),
        (["add", "Tagged/latest/start", "x"], 2, "runs have tags, not steps and tasks"),
        (["add", "Tagged/latest"], 2, "Missing argument 'TAGS...'"),
        (["replace", "Tagged/latest", "--add", "x"], 2, "Missing option '--remove'"),
    ],
)
def test_what_cannot_be_tagged(tagged: Project, arguments: list[str], code: int, message: str) -> None:
    done = tagged.flowc("tag", *arguments)
    assert (done.code, message in done.err) == (code, True), done.err
    assert tagged.latest().user_tags() == {"a", "b=ü"}


def test_runs_with_a_tag(tagged: Project) -> None:
    first = tagged.latest().id
    tagged.run("flow.py", "--tag", "a")
    assert len(tagged.flowc("runs", "--tag", "a").out.splitlines()) == 2
    assert [line.split()[0] for line in tagged.flowc("runs", "--tag", "a", "--tag", "b=ü").out.splitlines()] == [
        f"Tagged/{first}"
    ]
    assert len(tagged.flowc("runs", "Tagged", "--tag", "user:ann", "--limit", "1").out.splitlines()) == 1
    assert tagged.flowc("runs", "--tag", "nope").out == ""
    assert json.loads(tagged.flowc("runs", "--tag", "b=ü", "--json").out)[0]["tags"] == ["a", "b=ü"]


# -- the flow's own file: programs find the tags on the same stream as in Metaflow --------------------------------------


def own(project: Project, *arguments: str, **environment: str) -> tuple[int, str, list[str]]:
    done = project.python("flow.py", *arguments, **environment)
    return done.code, done.out, done.err.splitlines()


def test_the_flat_list_is_on_stderr_after_a_header(tagged: Project) -> None:
    code, out, err = own(tagged, "tag", "list", "--flat", "--hide-system-tags", "--run-id", tagged.latest().id)
    assert (code, out) == (0, "")
    assert err == [f"flowc {__version__} executing Tagged for user:ann", "a", "b=ü"]
    assert "runtime:dev" in own(tagged, "tag", "list", "--flat")[2]


def test_changing_tags(tagged: Project) -> None:
    run = tagged.latest()
    code, out, err = own(tagged, "tag", "add", "--run-id", run.id, "x", "y")
    assert (code, err[1]) == (0, "Operation successful. New tags:")
    assert "System tags and tags; only tags can be modified" in out
    assert {"x", "y", "user:ann"} <= set(out.split())
    assert own(tagged, "tag", "replace", "--run-id", "latest", "--remove", "x", "--add", "z")[0] == 0
    assert own(tagged, "tag", "remove", "--run-id", run.id, "a", "b=ü")[0] == 0
    assert run.user_tags() == {"y", "z"}
    quiet = own(tagged, "--quiet", "tag", "add", "--run-id", run.id, "q")
    assert quiet == (0, "", [f"Tagged/{run.id} ; {','.join(sorted(run.system_tags()))} ; q,y,z"])


def test_lists_of_several_runs(tagged: Project) -> None:
    first = tagged.latest().id
    tagged.run("flow.py", "--tag", "second", METAFLOW_USER="bob")
    second = tagged.latest().id
    listed = json.loads(own(tagged, "tag", "list", "--all", "--json")[1])
    assert {run: tags["tags"] for run, tags in listed.items()} == {first: ["a", "b=ü"], second: ["second"]}
    assert list(json.loads(own(tagged, "tag", "list", "--my-runs", "--json")[1])) == [first]
    assert list(json.loads(own(tagged, "tag", "list", "--tag", "second", "--json")[1])) == [second]
    assert list(json.loads(own(tagged, "tag", "list", "--json")[1])) == [second]
    assert list(json.loads(own(tagged, "tag", "list", first, "--json")[1])) == [first]
    by_run = own(tagged, "tag", "list", "--all", "--group-by-run", "--hide-system-tags")[1].splitlines()
    assert by_run[by_run.index(f"For run Tagged/{first}") + 1].split() == ["a", "b=ü"]
    by_tag = own(tagged, "tag", "list", "--all", "--group-by-tag")[1].splitlines()
    assert by_tag[by_tag.index("For tag second") + 1] == f"Tagged/{second}"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["add", "--run-id", "7", "x"], 1, "flow 'Tagged' has no run '7'"),
        (["add", "x"], 1, "no run is given"),
        (["add", "--run-id", "latest"], 2, "Missing argument 'TAGS...'"),
        (["add", "--run-id", "latest", "--namespace", "user:bob", "x"], 1, "is not in namespace 'user:bob'"),
        (["remove", "--run-id", "latest", "user:ann"], 1, "system tags cannot be removed"),
        (["replace", "--run-id", "latest", "--add", "x"], 1, "needs at least one --remove"),
        (["replace", "--run-id", "latest", "--remove", "x"], 1, "needs at least one --add"),
        (["list", "--all", "--flat", "--group-by-tag"], 1, "--flat lists tags without groups"),
        (
            ["list", "--all", "--run-id", "latest"],
            1,
            "RUN, --all and --my-runs exclude each other: give only one of them",
        ),
        (["list", "--run-id", "7"], 1, "flow 'Tagged' has no run '7'"),
    ],
)
def test_a_wrong_command_line(tagged: Project, arguments: list[str], code: int, message: str) -> None:
    got, _, err = own(tagged, "tag", *arguments)
    assert (got, message in "\n".join(err)) == (code, True), err
    assert tagged.latest().user_tags() == {"a", "b=ü"}
