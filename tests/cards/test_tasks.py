"""The cards of gangs and failed tasks, and of resumed, cached and killed tasks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from project import Project

FLOW = """
    import os
    import signal

    from flowc.steps import cache
    from metaflow import FlowSpec, card, catch, current, parallel, step
    from metaflow.cards import Markdown


    class Tasks(FlowSpec):
        @card
        @cache
        @step
        def start(self):
            current.card.append(Markdown(f"made in {current.run_id}"))
            self.next(self.gang, num_parallel=2)

        @card(id="node")
        @parallel
        @step
        def gang(self):
            current.card.append(Markdown(f"node {current.parallel.node_index} of {current.parallel.num_nodes}"))
            self.next(self.join)

        @step
        def join(self, inputs):
            self.next(self.end)

        @card(refresh_interval=0)
        @card(type="blank", id="notes", refresh_interval=0)
        @step
        def end(self):
            show = current.card["notes"]
            show.append(Markdown("before the end"))
            for refreshed in (show, show, current.card, current.card):
                refreshed.refresh(force=True)  # which waits for the one before: that is in the store
            if os.environ.get("END") == "raises":
                raise ValueError("as asked")
            if os.environ.get("END") == "is killed":
                os.kill(os.getpid(), signal.SIGKILL)


    if __name__ == "__main__":
        Tasks()
    """


@pytest.fixture
def tasks(project: Project) -> Project:
    project.write("flow.py", FLOW)
    return project


def listed(tasks: Project, *arguments: str) -> list[tuple[str, str, str | None]]:
    """Return (run and task, type, id) for each card of the newest run."""
    done = tasks.python("flow.py", "card", "list", "--as-json", *arguments)
    assert done.code == 0, done.err
    found = json.loads(done.out)
    return [
        (entry["pathspec"].removeprefix("Tasks/"), card["type"], card["id"])
        for entry in (found if isinstance(found, list) else [found])
        for card in entry["cards"]
    ]


def get(tasks: Project, *arguments: str) -> str:
    done = tasks.python("flow.py", "card", "get", *arguments)
    assert done.code == 0, done.err
    return done.out


def test_a_failed_task_has_its_cards(tasks: Project) -> None:
    assert tasks.python("flow.py", "run", END="raises").code == 1
    run = tasks.latest().id
    assert listed(tasks) == [
        (f"{run}/start/start-0", "default", None),
        (f"{run}/gang/gang-0.0", "default", "node"),
        (f"{run}/gang/gang-0.1", "default", "node"),
        (f"{run}/end/end-0", "blank", "notes"),
        (f"{run}/end/end-0", "default", None),
    ]
    page = get(tasks, "end", "--type", "default")
    assert ">failed</span>" in page
    assert "ValueError: as asked" in page
    assert "before the end" in get(tasks, "end", "--id", "notes")


def test_each_attempt_has_its_cards(tasks: Project) -> None:
    again = ("--with", "retry:times=1,minutes_between_retries=0")
    assert tasks.python("flow.py", "run", *again, END="raises").code == 1
    program = """
        from metaflow import Flow, Task, namespace
        from metaflow.cards import get_cards

        namespace(None)
        task = Flow("Tasks").latest_run["end"].task
        for attempt in (0, 1):
            (card,) = get_cards(Task(task.pathspec, attempt=attempt), type="default")
            print(attempt, f"<dt>Attempt</dt><dd>{attempt + 1}</dd>" in card.get())
        print(get_cards(task, type="default")[0].path == card.path)
        """
    tasks.write("read.py", program)
    done = tasks.python("read.py")
    assert done.out.splitlines() == ["0 True", "1 True", "True"], done.err


def test_each_of_a_gang_has_its_card(tasks: Project) -> None:
    tasks.run("flow.py")
    assert ["node 0 of 2" in get(tasks, "gang/0.0"), "node 1 of 2" in get(tasks, "gang/0.1")] == [True, True]


def test_a_resumed_run_has_the_cards_of_what_it_has_taken_over(tasks: Project) -> None:
    assert tasks.python("flow.py", "run", END="raises").code == 1
    first = tasks.latest().id
    assert tasks.python("flow.py", "resume").code == 0
    run = tasks.latest().id
    assert [task for task, *_ in listed(tasks)] == [
        f"{run}/start/start-0", f"{run}/gang/gang-0.0", f"{run}/gang/gang-0.1", f"{run}/end/end-0", f"{run}/end/end-0",
    ]  # fmt: skip
    assert f"made in {first}" in get(tasks, "start")
    assert ">succeeded</span>" in get(tasks, "end", "--type", "default")
    own = listed(tasks, "--no-follow-resumed")
    assert [task for task, *_ in own] == [f"{run}/end/end-0", f"{run}/end/end-0"]


def test_a_cached_task_has_the_cards_of_the_one_that_ran(tasks: Project) -> None:
    """A cached task has the cards of the task whose result it reuses, also in a resumed run."""
    tasks.run("flow.py")
    first = tasks.latest().id
    assert tasks.python("flow.py", "run", END="raises").code == 1
    assert "cached start" in tasks.python("flow.py", "run").err
    assert f"made in {first}" in get(tasks, "start")
    assert tasks.python("flow.py", "resume", "end").code == 0
    assert f"made in {first}" in get(tasks, "start")
    assert listed(tasks)[0] == (f"{tasks.latest().id}/start/start-0", "default", None)


def test_a_killed_task_keeps_the_cards_of_its_last_refresh(tasks: Project) -> None:
    assert tasks.python("flow.py", "run", END="is killed").code == 1
    assert "before the end" in get(tasks, "end", "--id", "notes")
    assert "running at " in get(tasks, "end", "--type", "default")


def test_spin_makes_the_card_of_its_step(tasks: Project) -> None:
    """`spin` stores the card of its task in its own store; the card of the original run is unchanged."""
    tasks.run("flow.py")
    before = get(tasks, "end", "--type", "default")
    assert tasks.python("flow.py", "spin", "end", "--persist", END="raises").code == 1
    spun = tasks.flowc("card", "get", "Tasks/latest/end", "--type", "default", "--store", ".flowc_spin")
    assert "ValueError: as asked" in spun.out, spun.err
    assert get(tasks, "end", "--type", "default") == before


@pytest.mark.parametrize("environment", [{}, {"FLOWC_START": "fresh"}], ids=["fork", "fresh"])
def test_the_next_step_can_read_the_cards_of_a_step(project: Project, environment: dict[str, str]) -> None:
    """The next step starts before the cards are rendered, so reading them waits for the process that renders them."""
    project.write("flow.py", """
        import os, time
        from metaflow import FlowSpec, Step, card, current, step
        from metaflow.cards import MetaflowCard, get_cards

        class Waits(MetaflowCard):
            type = "waits"

            def render(self, task):
                while not os.path.exists("reads"):  # it is rendered only after the next step has begun
                    time.sleep(0.01)
                return "<html>made</html>"

        class Reads(FlowSpec):
            @card(type="waits")
            @card
            @step
            def start(self):
                self.next(self.end)

            @step
            def end(self):
                open("reads", "w").close()
                cards = get_cards(Step(f"{current.flow_name}/{current.run_id}/start").task)
                self.found = sorted((each.type, "</html>" in each.get()) for each in cards)

        if __name__ == "__main__":
            Reads()
        """)  # fmt: skip
    done = project.flowc("run", "flow.py", **environment)
    assert done.code == 0, done.err
    assert project.artifacts(project.latest(), "end")["found"] == [("default", True), ("waits", True)]


def test_cards_that_are_never_made_are_not_waited_for(project: Project) -> None:
    """The wait ends with the process that renders, even if a card fails."""
    project.write("flow.py", """
        from metaflow import FlowSpec, Step, card, current, step
        from metaflow.cards import get_cards

        class Reads(FlowSpec):
            @card(type="test_error_card", save_errors=False)
            @card(type="test_error_card", id="kept")
            @step
            def start(self):
                self.next(self.end)

            @step
            def end(self):
                self.found = [each.id for each in get_cards(Step(f"{current.flow_name}/{current.run_id}/start").task)]

        if __name__ == "__main__":
            Reads()
        """)  # fmt: skip
    done = project.flowc("run", "flow.py")
    assert done.code == 0, done.err
    assert project.artifacts(project.latest(), "end")["found"] == ["kept"]
