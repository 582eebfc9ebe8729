"""A task's cards are rendered after its end is reported: rendering delays no other task, and the run waits for it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from metaflow.plugins.cards import _store

if TYPE_CHECKING:
    from project import Project

FLOW = '''
import os, signal, threading

from metaflow import FlowSpec, card, current, step
from metaflow.cards import MetaflowCard
from metaflow.plugins.cards.card_modules import basic


def wait_for_next():
    """Wait until the next task opens the pipe."""
    open("begun").close()


class Late(MetaflowCard):
    type = "late"

    def render(self, task):
        if task.index == 0:
            wait_for_next()
        return f"card {task.index}"


def before_page(call):
    """Call a function in this process before it renders a page of the default card."""
    render = basic.DefaultCard.render

    def late(self, task):
        call()
        return render(self, task)

    basic.DefaultCard.render = late


class OrderFlow(FlowSpec):
    @step
    def start(self):
        self.items = [0, 1]
        self.next(self.work, foreach="items")

    {card}
    @step
    def work(self):
        if self.input == 1 and {waits}:
            open("begun", "w").close()
        {code}
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    OrderFlow()
'''


def run(
    project: Project, card: str, code: str = "pass", before: str = "", workers: str = "1", *, waits: bool = False
) -> str:
    """Run the flow and return its output.

    Args:
        project: the project.
        card: the decorators of the step `work`.
        code: the code of the step.
        before: code before the flow.
        workers: the number of parallel tasks.
        waits: whether the card of the first task waits for the second task.
    """
    os.mkfifo(project.root / "begun")
    text = FLOW.replace("{card}", card).replace("{code}", code).replace("{waits}", str(waits))
    project.write("flow.py", text.replace("class Late(", f"{before}\n\nclass Late(", 1))
    done = project.flowc("run", "--local", "flow.py", "--max-workers", workers)
    assert done.code == 0, done.err
    return done.err + done.out


def pages(project: Project, path: str) -> list[str]:
    store = project.latest()
    return [_store.read(store.objects, file.key) for file in _store.cards_of(store, "work", path, 1)]


@pytest.mark.parametrize("start", ["fork", "fresh"])
def test_the_next_task_begins_while_the_card_is_rendered(project: Project, start: str) -> None:
    """The card of the first task waits until the second task runs: rendering does not occupy the only worker."""
    project.environment["FLOWC_START"] = start
    told = run(project, '@card(type="late")', waits=True)
    assert "WARNING" not in told
    assert [pages(project, f"0.{item}") for item in (0, 1)] == [["card 0"], ["card 1"]]


def test_the_next_task_begins_while_a_built_in_card_is_rendered(project: Project) -> None:
    code = "before_page(wait_for_next if self.input == 0 else int)"
    told = run(project, "@card", code, waits=True)
    assert "WARNING" not in told
    assert ["succeeded" in pages(project, f"0.{item}")[0] for item in (0, 1)] == [True, True]


def test_a_process_that_is_killed_by_its_card_does_not_harm_the_task(project: Project) -> None:
    told = run(
        project, "@card", "before_page(lambda: os.kill(os.getpid(), signal.SIGKILL) if self.input == 0 else None)"
    )
    warning = "[@card WARNING] the cards could not be made; the step is not affected: the task's process was killed"
    assert f"{warning} by SIGKILL" in told
    assert warning in project.flowc("logs", "OrderFlow/latest/work/0.0").err
    assert (pages(project, "0.0"), len(pages(project, "0.1"))) == ([], 1)
    assert project.latest().status()["state"] == "succeeded"


def test_a_built_in_card_ends_at_its_timeout(project: Project) -> None:
    told = run(
        project,
        "@card(timeout=1)",
        "basic.DefaultCard.render = lambda self, task: threading.Event().wait()",
        workers="2",
    )
    assert "it took longer than its timeout of 1 s" in told
    assert "it took longer than its timeout of 1 s" in pages(project, "0.0")[0]


def test_a_built_in_card_that_fails_is_reported(project: Project) -> None:
    """The built-in card fails twice, at a refresh and at the final page, and each failure is reported."""
    told = run(
        project,
        "@card(refresh_interval=0)",
        "current.card.refresh()",
        "def fail(self, *given):\n    raise ValueError('no page')\n\n"
        "basic.DefaultCard.render = basic.DefaultCard.render_runtime = fail",
    )
    assert "a refresh of the card 'default' failed: ValueError: no page" in told
    assert "the card 'default' could not be made; the step is not affected: ValueError: no page" in told
    assert "Traceback" in pages(project, "0.1")[0]


def test_a_failed_task_is_retried_after_its_cards(project: Project) -> None:
    """When an attempt fails, its process first renders its cards and then ends; its exit code reports the failure to
    the run."""
    told = run(
        project,
        "@card\n    @retry(times=1, minutes_between_retries=0)",
        "assert current.retry_count == 1, 'the first time'",
        "from metaflow import retry",
    )
    assert "the first time" in told
    store = project.latest()
    assert [len(_store.cards_of(store, "work", "0.0", attempt)) for attempt in (1, 2)] == [1, 1]
