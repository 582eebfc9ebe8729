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

from project import Project
from tools import recorded, versions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile("flowc", deadline=None)
hypothesis.settings.load_profile("flowc")

# A program inherits which signals are ignored: interrupts in a shell's background command, SIGHUP under nohup. A handler
# is not inherited, so the programs that tests start and interrupt get the default, and this process still ignores SIGHUP.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
for _number in (signal.SIGHUP, signal.SIGQUIT):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, lambda *_: None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the goldens instead of comparing with them")
    parser.addoption("--slow", action="store_true", help="run the tests marked slow as well")


def pytest_configure(config: pytest.Config) -> None:
    if recorded.asks() and config.getoption("--update-golden"):
        recorded.record(anew=not hasattr(config, "workerinput") and not config.getoption("keyword"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--slow"):
        left_out = [item for item in items if item.get_closest_marker("slow")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """`golden(path, text)`: the text is byte for byte what the file holds."""

    def compare(path: Path, text: str) -> None:
        if request.config.getoption("--update-golden"):
            path.write_bytes(text.encode())
        assert path.exists(), f"{path.name} is missing: pytest --update-golden writes it"
        assert text == path.read_bytes().decode(), f"{path.name} differs: pytest --update-golden rewrites it"

    return compare


@pytest.fixture
def fresh_imports() -> Iterator[None]:
    """Forget afterwards what a test imported, and its entries of sys.path: flows of several tests share names.

    What is installed stays: objects of a library that is imported twice are not the same, and flowc keeps some of them.
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


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """An empty directory of a user's, with a store of its own; what a test leaves running there is ended."""
    with contextlib.closing(Project(tmp_path)) as project:
        yield project


@pytest.fixture
def public_project() -> Iterator[Project]:
    """As `project`, in a directory that every user may read: pytest's own are for one, and each pytest sees to that."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        with contextlib.closing(Project(Path(directory))) as project:
            yield project


@pytest.fixture(params=versions.ARGO, ids=lambda version: f"argo-{version}")
def argo_version(request: pytest.FixtureRequest) -> str:
    """Each version of Argo in turn that a manifest must be right for."""
    version: str = request.param
    return version
