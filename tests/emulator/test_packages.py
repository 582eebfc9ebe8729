"""The tables of third-party packages give versions and reasons, and describe what the packages really do."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from flowc_emulator.processes.packages import HARMLESS_FINALIZERS, HARMLESS_HANDLERS, HARMLESS_THREADS, POOLS, UNSAFE
from project import ROOT

if TYPE_CHECKING:
    from project import Project

FLOW = """
    import os
    import {package}
    from metaflow import FlowSpec, step

    class F(FlowSpec):
        @step
        def start(self):
            self.parent = os.getppid()
            self.imported = {package}.IMPORTED == os.getpid()
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        F()
    """


def test_each_entry_has_a_version_and_a_reason() -> None:
    tables = [UNSAFE, HARMLESS_HANDLERS, HARMLESS_THREADS, HARMLESS_FINALIZERS, POOLS]
    for table in tables:
        for name, entry in table.items():
            assert re.search(r"\d+\.\d+", entry.version), name
            assert len(entry[0]) > 10, name


def test_the_page_lists_what_each_task_imports() -> None:
    page = (ROOT / "docs" / "starts.md").read_text(encoding="utf-8")
    (row,) = [line for line in page.splitlines() if line.startswith("| imported by each task |")]
    for name, entry in UNSAFE.items():
        assert f"`{name}` {entry.version}" in row


def run(project: Project, package: str, source: str, *more: tuple[str, str]) -> tuple[bool, bool, str]:
    """Run a flow that imports a package with this source. Return (forked, imported, notes): `forked` is true if the
    task is a fork of the run's process, `imported` if the task has imported the package itself."""
    home = project.root / "venv/lib/site-packages"
    for name, text in ((f"{package}.py", f"import os\nIMPORTED = os.getpid()\n{source}"), *more):
        project.write(f"venv/lib/site-packages/{name}", text)
    project.write("flow.py", FLOW.format(package=package))
    path = os.pathsep.join([project.environment["PYTHONPATH"], str(home)])
    done = project.flowc("run", "flow.py", PYTHONPATH=path)
    assert done.code == 0, done.err
    found = project.artifacts(project.latest(), "start")
    return found["parent"] == project.latest().record()["process"]["pid"], found["imported"], done.err


@pytest.mark.parametrize("name", UNSAFE)
def test_a_package_that_is_known_to_be_unsafe_is_left_to_each_task(project: Project, name: str) -> None:
    fork, imported, said = run(project, name, "")
    assert (fork, imported) == (False, True)
    assert f"note: importing {name} {UNSAFE[name].why}, which tasks cannot share" in said


def test_a_package_that_imports_such_a_one_is_left_to_each_task_too(project: Project) -> None:
    fork, imported, said = run(project, "above", "import polars", ("polars.py", ""))
    assert (fork, imported) == (False, True)
    assert "note: importing above imports polars, which starts 1 thread" in said


def test_an_exit_handler_that_is_known_to_be_harmless_is_shared(project: Project) -> None:
    handler = "import atexit\ndef f(): pass\nf.__module__, f.__qualname__ = {!r}, {!r}\natexit.register(f)\n"
    for name in HARMLESS_HANDLERS:
        module, _, function = name.partition(".")
        fork, imported, _ = run(project, "handles", handler.format(module, function))
        assert (fork, imported) == (True, False), name
    fork, imported, _ = run(project, "handles", handler.format("another", "function"))
    assert (fork, imported) == (False, True)


def test_threads_that_an_import_has_started_elsewhere_are_told_by_a_global(project: Project) -> None:
    (module,) = POOLS
    parts = module.split(".")
    inner = [("/".join([*parts[:depth], "__init__.py"]), "") for depth in range(1, len(parts))]
    last = "/".join(parts) + ".py"
    for value, expected in ((False, (True, False)), (True, (False, True))):
        more = [*inner, (last, f"{POOLS[module].flag} = {value}\n")]
        fork, imported, _ = run(project, "pooled", f"import {module}", *more)
        assert (fork, imported) == expected
