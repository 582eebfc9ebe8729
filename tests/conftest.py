"""`pytest --update-golden` rewrites the goldens; without it a golden that differs or is missing fails."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from flowc_runtime.base.config.whereabouts import locate
from flowc_runtime.process.scratch import ScratchDirectory
from project import Project
from tools import recorded, versions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

# Hypothesis has no deadline, because the time of an example depends on how busy the machine is.
hypothesis.settings.register_profile("flowc", deadline=None)
hypothesis.settings.load_profile("flowc")

# A started program inherits that a signal is ignored, but does not inherit a signal handler. Therefore a function that
# does nothing handles SIGHUP: this process survives it, and programs that tests start have the default behaviour.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
for _number in (signal.SIGHUP, signal.SIGQUIT):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, lambda *_: None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the goldens instead of comparing with them")
    parser.addoption("--slow", action="store_true", help="run the tests marked slow as well")


def pytest_configure(config: pytest.Config) -> None:
    found = locate(str(Path(config.option.basetemp or tempfile.gettempdir()).absolute()))
    if found.source == "default" and found.place != "default":
        # The store is in a parent of the tests' directories, so a command in a test without its own store would use it.
        raise pytest.UsageError(f"the tests would use the store {found.value}: remove it, or give another --basetemp")
    if recorded.asks() and config.getoption("--update-golden"):
        recorded.record(anew=not hasattr(config, "workerinput") and not config.getoption("keyword"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--slow"):
        left_out = [item for item in items if item.get_closest_marker("slow")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Return `golden(path, text)`, which asserts that the file contains exactly this text."""

    def compare(path: Path, text: str) -> None:
        if request.config.getoption("--update-golden"):
            path.write_bytes(text.encode())
        assert path.exists(), f"{path.name} is missing: pytest --update-golden writes it"
        assert text == path.read_bytes().decode(), f"{path.name} differs: pytest --update-golden rewrites it"

    return compare


@pytest.fixture
def fresh_imports() -> Iterator[None]:
    """Undo a test's imports and changes of sys.path, because flows of several tests have one module name.

    Installed modules stay imported, because flowc keeps objects of some libraries, and a second import would create
        different objects.
    """
    modules, path = dict(sys.modules), list(sys.path)
    yield
    for name in set(sys.modules) - set(modules):
        if not name.startswith(("metaflow", "flowc")) and not _installed(sys.modules[name]):
            del sys.modules[name]
    sys.path[:] = path


def _installed(module: ModuleType) -> bool:
    places = [getattr(module, "__file__", None) or "", *map(str, getattr(module, "__path__", ()))]
    return any(place.startswith((sys.prefix + os.sep, sys.base_prefix + os.sep)) for place in places)


@pytest.fixture(scope="session", autouse=True)
def _temporary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Set one directory for all temporary files of the tests and their programs; it is removed at the end."""
    tmp_path_factory.getbasetemp()  # create pytest's own directory first, so that it is not inside the new directory
    with ScratchDirectory("tests") as directory, pytest.MonkeyPatch.context() as patch:
        os.chmod(directory, 0o755)  # other users must be able to reach a `public_project` inside this directory
        patch.setenv("TMPDIR", directory)
        patch.setattr(tempfile, "tempdir", None)
        yield


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Return a user's empty directory with its own store; at the end, kill programs that the test has left running."""
    with contextlib.closing(Project(tmp_path)) as project:
        yield project


@pytest.fixture
def public_project() -> Iterator[Project]:
    """Return a `project` in a directory that every user may read; pytest's directories are private to one user."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        with contextlib.closing(Project(Path(directory))) as project:
            yield project


@pytest.fixture(params=versions.ARGO, ids=lambda version: f"argo-{version}")
def argo_version(request: pytest.FixtureRequest) -> str:
    """Return each version of Argo for which manifests must be valid."""
    version: str = request.param
    return version
