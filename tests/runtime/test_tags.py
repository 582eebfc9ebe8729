"""Tags are objects of the store: valid tags, and simultaneous changes, which do not overwrite each other."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from flowc_runtime.base.errors import TagError
from flowc_runtime.process.process import this_process
from flowc_runtime.store.records.run_store import RunStore
from flowc_runtime.store.records.store import Store
from flowc_runtime.store.records.tags import check_tags, name_of, system_tags
from project import run_record

if TYPE_CHECKING:
    from pathlib import Path

SYSTEM = system_tags("ann", "dev", 0.0)
ANY = ["a", "b=ü", "..", ".", "a/b", "=x", "%41", "🎉" * 500, "x" * 500, " ", "new\nline", "A"]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(str(tmp_path))


def begun(store: Store, run_id: str = "1") -> RunStore:
    run = store.run("Flow", run_id)
    record = run_record(run, user="ann", process=this_process(), system_tags=SYSTEM)
    assert run.create(record, "{}")
    return run


def test_system_tags_say_who_and_with_what() -> None:
    assert "user:ann" in SYSTEM
    assert "date:1970-01-01" in SYSTEM
    assert sorted(tag.partition(":")[0] for tag in SYSTEM) == [
        "date", "metaflow_version", "python_version", "runtime", "user",
    ]  # fmt: skip


@pytest.mark.parametrize("tag", ANY)
def test_any_text_is_a_tag(store: Store, tag: str) -> None:
    run = begun(store)
    run.add_tags([tag])
    assert run.user_tags() == {tag}
    assert store.tagged("Flow") == {"1": {tag}}
    run.remove_tags([tag])
    assert run.user_tags() == set()


@pytest.mark.parametrize(
    ("tag", "message"),
    [("", "empty"), ("x" * 501, "at most 500 characters"), (7, "text, not of type int"), ("\ud800", "valid Unicode")],
)
def test_what_is_no_tag(store: Store, tag: Any, message: str) -> None:
    run = begun(store)
    with pytest.raises(TagError, match=message):
        run.add_tags(["fine", tag])
    assert run.user_tags() == set()


def test_a_name_fits_into_any_file_system() -> None:
    names = [name_of(tag)[0] for tag in ANY]
    assert len(set(names)) == len(names)
    assert all(len(name) <= 255 and "/" not in name for name in names)
    assert check_tags(["b", "a", "b"]) == ["b", "a"]


def test_system_tags_stay(store: Store) -> None:
    run = begun(store)
    run.add_tags(["user:ann", "mine"])
    assert run.user_tags() == {"mine"}
    with pytest.raises(TagError, match="system tags cannot be removed: user:ann"):
        run.remove_tags(["mine", "user:ann"])
    assert run.user_tags() == {"mine"}
    assert run.system_tags() == set(SYSTEM)


def test_a_listing_tells_the_tags_of_all_runs(store: Store) -> None:
    assert store.tagged("Flow") == {}
    for number in range(3):
        begun(store, f"r/{number}").add_tags(["all", f"n{number}"])
    begun(store, "none")
    assert store.tagged("Flow") == {f"r/{n}": {"all", f"n{n}"} for n in range(3)}
    assert store.runs("Flow") == ["none", "r/0", "r/1", "r/2"]


def test_changes_at_the_same_time_lose_nothing(store: Store) -> None:
    run = begun(store)
    run.add_tags([f"old{number}" for number in range(8)])
    barrier = threading.Barrier(8)

    def change(number: int) -> None:
        barrier.wait()
        run.add_tags([f"new{number}", "shared"])
        run.remove_tags([f"old{number}"])

    threads = [threading.Thread(target=change, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert run.user_tags() == {"shared", *(f"new{number}" for number in range(8))}
