"""Tags of runs, and their namespaces."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from metaflow import (
    DataArtifact,
    Flow,
    Metaflow,
    Run,
    Task,
    default_metadata,
    default_namespace,
    get_metadata,
    get_namespace,
    metadata,
    namespace,
)
from metaflow.exception import MetaflowNamespaceMismatch, MetaflowTaggingError

if TYPE_CHECKING:
    from project import Project


@pytest.fixture
def good(letters: Project) -> Run:
    found = Flow("Letters").latest_successful_run
    assert found is not None
    return found


def test_system_tags_and_the_user_s(good: Run) -> None:
    assert good.user_tags == {"good"}
    assert good.system_tags >= {"user:ann", "runtime:dev"}
    assert good.tags == good.user_tags | good.system_tags
    assert isinstance(good.tags, frozenset)
    assert good["each"]["0.1"]["letter"].tags == good.tags
    assert Flow("Letters").tags == frozenset()


def test_adding_removing_and_replacing(good: Run) -> None:
    good.add_tag("a")
    good.add_tag(["b", "c"])
    good.add_tags({"d", "user:ann"})
    good.add_tags("one")
    good.remove_tag("one")
    assert good.user_tags == {"good", "a", "b", "c", "d"}
    good.remove_tag("a")
    good.remove_tag("never was")
    good.remove_tags(["b", "c"])
    assert good.user_tags == {"good", "d"}
    good.replace_tag("d", "e")
    good.replace_tags(["e", "good"], ["good", "f"])
    assert Run(good.pathspec).user_tags == {"good", "f"}
    assert good["end"].user_tags == {"good", "f"}


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ([""], "empty"),
        (["x" * 501], "at most 500"),
        ([3], "a tag is text"),
        (3, "iterable"),
    ],
)
def test_what_is_no_tag(good: Run, tags: Any, message: str) -> None:
    with pytest.raises(MetaflowTaggingError, match=message):
        good.add_tags(tags)
    assert good.user_tags == {"good"}


@pytest.mark.parametrize("none", [[], (), set(), iter([])])
def test_a_change_of_nothing_is_an_error(good: Run, none: Any) -> None:
    message = "no tag to add or to remove"
    for change in (good.add_tag, good.add_tags, good.remove_tag, good.remove_tags):
        with pytest.raises(MetaflowTaggingError, match=message):
            change(none)
    for both in (good.replace_tag, good.replace_tags):
        with pytest.raises(MetaflowTaggingError, match=message):
            both(none, [])
    good.replace_tags([], ["x"])
    good.replace_tags(["x"], [])
    assert good.user_tags == {"good"}


def test_the_letters_of_a_text_are_no_tags(good: Run) -> None:
    for change in (
        lambda: good.remove_tags("good"),
        lambda: good.replace_tags("good", ["x"]),
        lambda: good.replace_tags(["good"], "x"),
    ):
        with pytest.raises(MetaflowTaggingError, match="is a list of tags, not a string"):
            change()
    assert good.user_tags == {"good"}


def test_an_object_shows_what_its_own_last_change_left(good: Run) -> None:
    other = Run(good.pathspec)
    good.add_tag("mine")
    assert (good.user_tags, other.user_tags) == ({"good", "mine"}, {"good", "mine"})
    other.replace_tag("mine", "yours")
    assert good.user_tags == good.tags - good.system_tags == {"good", "mine"}
    assert other.user_tags == good["end"].user_tags == good["end"].parent.user_tags == {"good", "yours"}
    assert Run(good.pathspec).user_tags == pickle.loads(pickle.dumps(good)).user_tags == {"good", "yours"}
    good.remove_tag("never was")
    assert good.user_tags == {"good", "yours"}


def test_system_tags_stay(good: Run) -> None:
    with pytest.raises(MetaflowTaggingError, match="system tags cannot be removed: user:ann"):
        good.replace_tags(["good", "user:ann"], ["new"])
    assert good.user_tags == {"good"}


def test_changes_at_the_same_time_lose_nothing(good: Run) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: Run(good.pathspec).add_tag(f"t{number}"), range(100)))
        list(pool.map(lambda number: Run(good.pathspec).replace_tag(f"t{number}", f"s{number}"), range(0, 100, 2)))
    expected = {f"t{number}" if number % 2 else f"s{number}" for number in range(100)}
    assert good.user_tags == expected | {"good"}


def test_the_namespace_is_the_user_s_at_first(good: Run) -> None:
    assert get_namespace() == "user:ann"
    assert namespace("user:bob") == "user:bob" == get_namespace()
    assert default_namespace() == "user:ann"
    assert namespace(None) is None
    assert get_namespace() is None


def test_in_another_namespace_nothing_is_found(good: Run) -> None:
    task = good["each"]["0.1"]
    namespace("user:bob")
    assert list(Metaflow()) == []
    assert "Letters" not in Metaflow()
    assert not good.is_in_namespace()
    with pytest.raises(MetaflowNamespaceMismatch, match="Object not in namespace 'user:bob'"):
        Metaflow()["Letters"]
    for kind, pathspec in (
        (Flow, "Letters"),
        (Run, good.pathspec),
        (Task, task.pathspec),
        (DataArtifact, f"{task.pathspec}/n"),
    ):
        with pytest.raises(MetaflowNamespaceMismatch):
            kind(pathspec)
    assert Run(good.pathspec, _namespace_check=False)["end"].task.successful
    flow = Flow("Letters", _namespace_check=False)
    assert len(list(flow)) == 2
    assert flow[good.id] == good
    assert next(iter(good)).task.successful


def test_an_object_goes_on_to_see_what_it_saw(good: Run) -> None:
    flow, task = Flow("Letters"), good["each"]["0.1"]
    namespace("user:bob")
    assert len(list(flow)) == 2
    assert flow[good.id] == flow.latest_successful_run == good
    assert task["letter"].data == "B"
    assert task.parent.parent.parent == flow
    namespace("bad")
    (failed,) = Flow("Letters")
    namespace(None)
    assert list(failed.parent) == [failed]


def test_a_user_tag_makes_a_namespace(good: Run) -> None:
    namespace("good")
    assert list(Flow("Letters")) == [good]
    assert Flow("Letters").latest_run == good
    (failed,) = Flow("Letters", _namespace_check=False).runs("bad")
    with pytest.raises(MetaflowNamespaceMismatch):
        Flow("Letters")[failed.id]
    failed.add_tag("good")
    assert list(Flow("Letters")) == [failed, good]


def test_a_run_is_in_its_flow_whatever_the_namespace(good: Run) -> None:
    """As in Metaflow, `in` ignores the namespace, but indexing does not."""
    failed = Flow("Letters").latest_run
    assert failed is not None
    namespace("good")
    flow = Flow("Letters")
    assert failed not in list(flow)
    assert failed.id in flow
    with pytest.raises(MetaflowNamespaceMismatch):
        flow[failed.id]


def test_an_object_of_a_namespace_of_its_own(good: Run) -> None:
    namespace("user:bob")
    assert Run(good.pathspec, _current_namespace="user:ann") == good
    assert len(list(Flow("Letters", _current_namespace="good"))) == 1


def test_metadata_selects_the_store(good: Run, letters: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    here = f"local@{letters.root}"
    assert get_metadata() == here
    for name in (str(letters.root), f"{letters.root}/.flowc", here, f"{here}/.flowc", f"file://{letters.root}/.flowc"):
        assert metadata(name) == here
        assert Run(good.pathspec) == good
    empty = letters.root / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    assert default_metadata() == here  # the default store is in a parent of the current directory
    monkeypatch.setenv("FLOWC_STORE", str(empty))
    assert default_metadata() == f"local@{empty}"
    assert list(Metaflow()) == []
    assert Run(good.pathspec, _current_metadata=here) == good
    assert good.successful  # an object reads from the store in which it was created
    monkeypatch.delenv("FLOWC_STORE")
    monkeypatch.setenv("METAFLOW_DATASTORE_SYSROOT_LOCAL", str(letters.root))
    assert get_metadata() == here


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("nothing-there", "Could not find directory .flowc in directory nothing-there"),
        ("local@/nonexistent", "Could not find directory .flowc in directory /nonexistent"),
        ("service@http://localhost:9", "flowc has no metadata service"),
        ("http://localhost:9", "flowc has no metadata service"),
        ("spin@x", "cannot look in 'spin@x'"),
    ],
)
def test_a_store_that_there_is_not(good: Run, where: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        metadata(where)
    assert Run(good.pathspec) == good
