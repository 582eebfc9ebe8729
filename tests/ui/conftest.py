"""Fixtures: a browser, stores with runs, and pages of `flowc ui` on these stores."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from project import Project
from tools.chromium import Browser
from ui.flows import MIXED
from ui.served import Served, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tools.chromium import Page

    Visit = Callable[..., Page]


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Return a browser without a window."""
    browser = Browser(tmp_path_factory.mktemp("browser"))
    yield browser
    browser.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Return `visit(url, dark=, width=, height=)`, which opens a page in the browser; at the end all pages are closed."""
    pages: list[Page] = []

    def opened(url: str, *, dark: bool = False, width: int = 1280, height: int = 900) -> Page:
        page = browser.open(url, dark=dark, width=width, height=height)
        pages.append(page)
        page.call("Emulation.setFocusEmulationEnabled", enabled=True)
        return page

    yield opened
    for page in pages:
        page.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Return a user's empty directory for all tests of a module."""
    with contextlib.closing(Project(tmp_path_factory.mktemp("place"))) as project:
        project.environment["METAFLOW_USER"] = "ann"
        yield project


@pytest.fixture(scope="session")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Return the served store with two runs of `MixFlow`: the first succeeded, the second failed."""
    with contextlib.closing(Project(tmp_path_factory.mktemp("mixed"))) as project:
        project.environment["METAFLOW_USER"] = "ann"
        project.write("mix.py", MIXED)
        project.run("mix.py", "--tag", "first")
        assert project.flowc("run", "--local", "mix.py", "--fail", "True", "--rate", "0.25").code == 1
        with serving(project) as served:
            yield served


@pytest.fixture
def runs(mixed: Served) -> tuple[str, str]:
    """Return the ids of the runs of `mixed`: the one that succeeded, and the one that failed."""
    succeeded, failed = mixed.project.store.runs("MixFlow")
    return succeeded, failed
