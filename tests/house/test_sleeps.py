"""Tests wait for events: a gate, a pipe, the end of a process (project.py). No test sleeps for a fixed time."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from project import ROOT

TESTS = ROOT / "tests"
SLEEP = re.compile(r"\btime(?:\W+import \w*|['\")]*\.)sleep\b|\basyncio\.sleep\b(?!\(0[,)])")

# The number of lines with `sleep` that a file or directory may contain, with the reason.
ALLOWED = {
    "project.py": (1, "`wait_until`, for conditions without an event"),
    "cluster/": (5, "a cluster is polled in one place; a flow waits for another task, others last long"),
    "compat/": (6, "flows in the style of users, which also run under Metaflow"),
    "cards/test_browser.py": (1, "the browser shows a card that is refreshed at intervals"),
    "cli/test_debug.py": (1, "a person at a prompt takes longer than the step's timeout"),
    "cli/test_pod_defaults.py": (1, "a step that runs for longer than its timeout"),
    "emulator/test_beginnings.py": (1, "a destructor that takes longer than the grace period"),
    "emulator/test_debugger.py": (3, "a person at a prompt takes longer than a timeout, and than others that print"),
    "emulator/test_ending.py": (2, "work and handlers that continue after the step, one for longer than its timeout"),
    "emulator/test_places.py": (3, "tasks that poll for each other, or sleep, give up their place"),
    "emulator/test_resume.py": (1, "a task polls for records that flowc writes, which have no event"),
    "cards/test_tasks.py": (1, "a card that is rendered after the next step has begun, which it cannot wait for"),
    "tools/page_pictures.py": (2, "steps whose bars in a timeline have different lengths"),
    "pipeline/test_runs.py": (1, "an asynchronous step that takes longer than its timeout"),
    "emulator/test_trackers.py": (2, "a tracker that hangs, and a step that is killed"),
    "emulator/test_ways_out.py": (8, "a step that runs for longer than its timeout"),
}


def test_no_test_sleeps_without_a_reason() -> None:
    found: Counter[str] = Counter()
    for path in TESTS.rglob("*.py"):
        lines = sum(1 for line in path.read_text("utf-8").splitlines() if SLEEP.search(line))
        name = path.relative_to(TESTS).as_posix()
        found[next((place for place in ALLOWED if place.endswith("/") and name.startswith(place)), name)] += lines
    assert +found == {place: lines for place, (lines, _) in ALLOWED.items()}


FORMS = """
time.NAP(1)
from time import NAP
__import__("time").NAP(0.1)
target=time.NAP
await asyncio.NAP(0.1)
"""


@pytest.mark.parametrize("form", FORMS.split("\n")[1:-1])
def test_every_form_of_a_sleep_is_found(form: str) -> None:
    assert SLEEP.search(form.replace("NAP", "sleep"))


def test_what_does_not_wait_is_no_sleep() -> None:
    assert not any(map(SLEEP.search, ('["sleep", "60"]', "asyncio.sleep(0, 9)", "def sleep(seconds)")))
