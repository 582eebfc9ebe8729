"""Runs, readers and changes of tags on one store at the same time: all data is complete, and none is lost."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from flowc_runtime.store.backends.local import LocalObjects
from metaflow import Flow, Metaflow, default_metadata, default_namespace, metadata, namespace
from reliable import FLOW, VALUES, check_store, read_all
from small_flows import two_steps

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from project import Project


@pytest.fixture
def store(project: Project) -> Iterator[Project]:
    """Return a project whose store the client of this process reads."""
    (project.root / ".flowc").mkdir()
    metadata(str(project.root))
    namespace(None)
    yield project
    default_metadata()
    default_namespace()


@pytest.mark.parametrize(("writers", "count"), [(3, 30), pytest.param(10, 200, marks=pytest.mark.slow)])
def test_many_runs_and_readers_at_once(store: Project, writers: int, count: int) -> None:
    """While runs write to the store, each reader repeatedly reads all runs, and never finds an incomplete record."""
    store.write("flow.py", FLOW)
    runs = [store.start("flow.py", "--quiet", "run", "--max-workers", "2", "--tag", f"t{n}") for n in range(writers)]
    ended = threading.Event()

    def read() -> int:
        seen = 0
        while True:
            last = ended.is_set()
            for flow in Metaflow():
                for run in flow:
                    seen += read_all(run)
            if last or seen > 100:
                return seen

    with ThreadPoolExecutor(count) as pool:
        readers = [pool.submit(read) for _ in range(count)]
        for run in runs:
            _, err = run.communicate(timeout=300)
            assert run.returncode == 0, err
        ended.set()
        assert all(reader.result() for reader in readers)
    found = list(Flow("Crashes"))
    assert len(found) == writers
    assert {tag for run in found for tag in run.user_tags} == {f"t{n}" for n in range(writers)}
    assert all(run.successful and run.data is not None and run.data.result[0] == VALUES for run in found)
    check_store(store.store)


def test_a_record_that_is_replaced_is_read_whole(tmp_path: Path) -> None:
    """While two processes replace a record again and again, a reader always sees a complete record."""
    program = (
        "import sys\nfrom flowc_runtime.store.backends.local import LocalObjects\n"
        "objects = LocalObjects(sys.argv[1])\n"
        "for n in range(1500): objects.put('status.json', b'[\"%s\"]' % (sys.argv[2].encode() * (1 + n % 7000)))\n"
    )
    objects = LocalObjects(tmp_path)
    objects.put("status.json", b'["x"]')
    writers = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path), who]) for who in "ab"]
    looks = 0
    while any(writer.poll() is None for writer in writers):
        (text,) = json.loads(objects.get("status.json"))
        assert len(set(text)) == 1
        looks += 1
    assert [writer.returncode for writer in writers] == [0, 0]
    assert looks > 100
    assert objects.names("tmp") == []


def test_tags_changed_by_many_at_once(store: Project) -> None:
    """Eight processes add their own tags and a common tag, and remove existing tags: no change is lost."""
    store.write(
        "flow.py",
        two_steps("Tagged", guard=False),
    )
    run = store.run("flow.py", *(word for n in range(40) for word in ("--tag", f"old{n}")), "--tag", "stays")
    program = (
        "import sys\nfrom metaflow import Run, namespace\nnamespace(None)\n"
        "run, me = Run(sys.argv[1]), int(sys.argv[2])\n"
        "for n in range(15):\n"
        "    run.add_tag([f'new{me}-{n}', 'shared'])\n"
        "    if n < 5: run.replace_tag(f'old{me * 5 + n}', f'new{me}-{n}')\n"
    )
    changers = [store.start("-c", program, f"Tagged/{run.id}", str(n)) for n in range(8)]
    for changer in changers:
        _, err = changer.communicate(timeout=120)
        assert changer.returncode == 0, err
    assert run.user_tags() == {"stays", "shared"} | {f"new{me}-{n}" for me in range(8) for n in range(15)}
