"""@cache: a task is not executed if its code and inputs equal those of an earlier task.

The flows write the name of each executed step to a file. The function `ran` returns the steps that have been executed
since its last call.
"""

from __future__ import annotations

import json
import os
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from flowc_runtime.store.values.codecs import load_value

if TYPE_CHECKING:
    from project import Project

HEAD = """
import os
from metaflow import FlowSpec, IncludeFile, Parameter, catch, parallel, retry, step
from flowc.steps import cache

def note(what):
    with open("ran", "a") as file:
        file.write(f"{what}\\n")

"""

LINE = """
class Line(FlowSpec):
    n = Parameter("n", default=1)
    unread = Parameter("unread", default=1)

    @step
    def start(self):
        self.data = [self.n] * 300
        self.other = self.unread
        self.next(self.work)

    @cache
    @step
    def work(self):
        note("work")
        self.total = sum(self.data)
        self.next(self.end)

    @step
    def end(self):
        self.result = (self.total, self.other)
"""


def write(project: Project, flow: str) -> None:
    project.write("flow.py", HEAD + dedent(flow))


def ran(project: Project) -> list[str]:
    file = project.root / "ran"
    found = sorted(file.read_text().split()) if file.exists() else []
    file.unlink(missing_ok=True)
    return found


def ran_in(project: Project, *arguments: str, **environment: str) -> list[str]:
    """Run the flow with these arguments; return the steps that were executed."""
    project.run("flow.py", *arguments, **environment)
    return ran(project)


def test_what_has_the_same_inputs_is_not_run_again(project: Project) -> None:
    write(project, LINE)
    first = project.run("flow.py")
    assert ran(project) == ["work"]
    done = project.flowc("run", "flow.py")
    assert (done.code, ran(project)) == (0, [])
    assert f"cached work from {first.id}/work/work-0" in done.err
    run = project.latest()
    record = run.task("work", "0")
    assert record["cached"] == {"run": first.id, "step": "work", "path": "0", "attempt": 1}
    assert record["reads"] == {"parameters": [], "artifacts": ["data"]}
    assert record["artifacts"] == first.task("work", "0")["artifacts"]
    assert project.artifacts(run, "end")["result"] == (300, 1)


def test_its_log_is_the_one_of_then(project: Project) -> None:
    write(project, LINE.replace('note("work")', 'print("once")'))
    project.run("flow.py")
    assert project.flowc("run", "flow.py").out == ""
    assert project.flowc("logs", "Line/latest/work/0").out == "once\n"


def test_a_run_may_resume_one_with_cached_tasks(project: Project) -> None:
    write(project, LINE.replace("self.result =", "note('end'); self.result ="))
    project.run("flow.py")
    project.run("flow.py")
    assert ran(project) == ["end", "end", "work"]
    assert project.flowc("resume", "flow.py", "end").code == 0
    assert ran(project) == ["end"]
    assert project.artifacts(project.latest(), "end")["result"] == (300, 1)


def test_only_what_was_read_counts(project: Project) -> None:
    """Artifacts that a cached step has not read are passed on with the values of the current run."""
    write(project, LINE)
    assert ran_in(project) == ["work"]
    assert ran_in(project, "--unread", "2") == []
    assert project.artifacts(project.latest(), "end")["result"] == (300, 2)
    assert ran_in(project, "--n", "2") == ["work"]
    assert ran_in(project) == []
    assert project.artifacts(project.latest(), "end")["result"] == (300, 1)


def test_only_code_that_a_step_may_call_counts(project: Project) -> None:
    write(project, LINE)
    project.write("helper.py", "")
    assert ran_in(project) == ["work"]
    write(project, LINE.replace("self.result =", "self.answer ="))  # only the code of another step changes
    assert ran_in(project) == []
    write(project, LINE.replace("sum(self.data)", "sum(self.data) + 1"))
    assert ran_in(project) == ["work"]
    project.write("helper.py", "x = 1\n")
    assert ran_in(project) == ["work"]


def test_all_steps_or_none(project: Project) -> None:
    write(project, LINE.replace("    @cache\n", "").replace("self.data =", 'note("start"); self.data ='))
    assert ran_in(project) == ["start", "work"]
    assert ran_in(project, "--cache") == ["start", "work"]
    assert ran_in(project, "--cache") == []
    assert ran_in(project, "--with", "cache") == []
    assert ran_in(project, "--cache", "--n", "5") == ["start", "work"]
    assert ran_in(project) == ["start", "work"]
    assert ran_in(project, "--cache", "--no-cache") == ["start", "work"]
    write(project, LINE)
    assert ran_in(project) == ["work"]
    assert ran_in(project, "--no-cache") == ["work"]


def test_a_parameter_may_be_called_cache(project: Project) -> None:
    write(project, LINE.replace('"n"', '"cache"').replace(", default=1)", ", default=1, type=int)"))
    project.run("flow.py", "--cache", "7")
    assert project.artifacts(project.latest(), "end")["result"] == (2100, 1)


def test_each_item_of_a_foreach_counts_by_itself(project: Project) -> None:
    write(
        project,
        """
        class Each(FlowSpec):
            items = Parameter("items", default="a,b,c", separator=",")
            numbered = Parameter("numbered", default=False)

            @cache
            @step
            def start(self):
                note("start")
                self.words = [[item] for item in self.items]
                self.next(self.each, foreach="words")

            @cache
            @step
            def each(self):
                note("".join(self.input) + (str(self.index) if self.numbered else ""))
                self.input.append("changed after it was read")
                self.word = self.input[0] * 2
                self.next(self.join)

            @cache
            @step
            def join(self, inputs):
                note("join")
                self.words = [one.word for one in inputs]
                self.next(self.end)

            @step
            def end(self):
                pass
    """,
    )
    assert ran_in(project) == ["a", "b", "c", "join", "start"]
    assert ran_in(project) == []
    assert ran_in(project, "--items", "c,d") == ["d", "join", "start"]
    assert project.artifacts(project.latest(), "end")["words"] == ["cc", "dd"]
    assert ran_in(project, "--items", "c,d", "--numbered", "true") == ["c0", "d1"]
    assert ran_in(project, "--items", "d,c", "--numbered", "true") == ["c1", "d0", "join", "start"]
    assert ran_in(project, "--items", "d,c", "--numbered", "true") == []
    assert project.artifacts(project.latest(), "end")["words"] == ["dd", "cc"]


def test_joins_of_branches_and_merged_artifacts(project: Project) -> None:
    write(
        project,
        """
        class Merge(FlowSpec):
            x = Parameter("x", default=1)
            y = Parameter("y", default=1)

            @step
            def start(self):
                self.common = self.y
                self.next(self.a, self.b)

            @step
            def a(self):
                self.one = self.x
                self.next(self.join)

            @step
            def b(self):
                self.two = 2
                self.next(self.join)

            @cache
            @step
            def join(self, inputs):
                note("join")
                self.sum = inputs.a.one + inputs.b.two
                if os.environ.get("MERGE"):
                    self.merge_artifacts(inputs)
                self.next(self.end)

            @step
            def end(self):
                self.merged = getattr(self, "common", None)
    """,
    )
    assert ran_in(project) == ["join"]
    assert ran_in(project, "--y", "2") == []
    assert ran_in(project, "--x", "2") == ["join"]
    assert ran_in(project, "--x", "3", MERGE="1") == ["join"]
    assert ran_in(project, "--x", "3") == []
    assert project.artifacts(project.latest(), "end")["merged"] == 1
    assert ran_in(project, "--x", "3", "--y", "2", MERGE="1") == ["join"]
    assert project.artifacts(project.latest(), "end")["merged"] == 2


def test_a_join_may_know_its_inputs_by_the_names_of_their_steps_alone(project: Project) -> None:
    write(
        project,
        """
        class Named(FlowSpec):
            limit = Parameter("limit", default=1)

            @step
            def start(self):
                self.numbers = [0, 1]
                self.next(self.each, foreach="numbers")

            @step
            def each(self):
                self.way = "high" if self.input >= self.limit else "low"
                self.next({"high": self.high, "low": self.low}, condition="way")

            @step
            def high(self):
                self.next(self.join)

            @step
            def low(self):
                self.next(self.join)

            @cache
            @step
            def join(self, inputs):
                note("join")
                self.some_are_high = hasattr(inputs, "high")
                self.next(self.end)

            @step
            def end(self):
                pass
    """,
    )
    assert ran_in(project) == ["join"]
    assert ran_in(project, "--limit", "1") == []
    assert ran_in(project, "--limit", "5") == ["join"]
    assert project.artifacts(project.latest(), "end")["some_are_high"] is False


def test_what_is_written_or_missing_counts_as_what_it_is(project: Project) -> None:
    """A cached step may assign or delete an artifact without reading it, or ask whether an artifact exists."""
    write(
        project,
        """
        class Names(FlowSpec):
            x = Parameter("x", default=1)

            @step
            def start(self):
                self.overwritten = self.x
                self.gone = self.x
                if self.x == 3:
                    self.maybe = "there"
                self.next(self.work)

            @cache
            @step
            def work(self):
                note("work")
                self.overwritten = 1
                del self.gone
                self.found = hasattr(self, "maybe")
                self.next(self.end)

            @step
            def end(self):
                self.left = (self.overwritten, hasattr(self, "gone"), self.found)
    """,
    )
    assert ran_in(project) == ["work"]
    assert ran_in(project, "--x", "2") == []
    assert project.artifacts(project.latest(), "end")["left"] == (1, False, False)
    assert ran_in(project, "--x", "3") == ["work"]
    assert project.artifacts(project.latest(), "end")["left"] == (1, False, True)


def test_what_is_read_may_depend_on_what_was_read(project: Project) -> None:
    write(
        project,
        """
        class Ways(FlowSpec):
            way = Parameter("way", default="a")
            a = Parameter("a", default=1)
            b = Parameter("b", default=1)

            @cache
            @step
            def start(self):
                note("start")
                self.value = self.a if self.way == "a" else self.b
                self.next(self.end)

            @step
            def end(self):
                pass
    """,
    )
    assert ran_in(project) == ["start"]
    assert ran_in(project, "--b", "2") == []
    assert ran_in(project, "--way", "b") == ["start"]
    assert ran_in(project, "--way", "b", "--a", "2") == []
    assert ran_in(project, "--way", "b", "--b", "2") == ["start"]
    assert ran_in(project, "--a", "2") == ["start"]


def test_a_process_that_a_step_forks_may_read_anything(project: Project) -> None:
    write(
        project,
        """
        class Forks(FlowSpec):
            x = Parameter("x", default=1)

            @step
            def start(self):
                self.data = self.x
                self.next(self.work)

            @cache
            @step
            def work(self):
                note("work")
                reading, writing = os.pipe()
                if os.fork() == 0:
                    os.write(writing, str(self.data).encode())
                    os._exit(0)
                self.seen = os.read(reading, 100)
                os.wait()
                self.next(self.end)

            @step
            def end(self):
                pass
    """,
    )
    assert ran_in(project) == ["work"]
    assert ran_in(project) == []
    assert ran_in(project, "--x", "2") == ["work"]
    assert project.artifacts(project.latest(), "end")["seen"] == b"2"


def test_failures_are_not_kept(project: Project) -> None:
    """A failure is never cached, even if @catch handles it; a success after failed attempts is cached."""
    write(
        project,
        """
        class Fails(FlowSpec):
            @cache
            @catch(var="failure")
            @step
            def start(self):
                note("start")
                raise ValueError("as asked")
                self.next(self.second)

            @cache
            @retry(times=1)
            @step
            def second(self):
                note("second")
                if not os.path.exists("fixed"):
                    open("fixed", "w").close()
                    raise ValueError("the first time")
                self.next(self.end)

            @step
            def end(self):
                pass
    """,
    )
    assert ran_in(project) == ["second", "second", "start"]
    assert ran_in(project) == ["start"]


def test_switches_loops_and_files(project: Project) -> None:
    write(
        project,
        """
        class Loop(FlowSpec):
            text = IncludeFile("text", default="text.txt")

            @cache
            @step
            def start(self):
                note("start")
                self.left = len(self.text)
                self.next(self.again)

            @cache
            @step
            def again(self):
                note(f"again{self.left}")
                self.left -= 1
                self.more = "yes" if self.left > 0 else "no"
                self.next({"yes": self.again, "no": self.end}, condition="more")

            @step
            def end(self):
                pass
    """,
    )
    project.write("text.txt", "xyz")
    assert ran_in(project) == ["again1", "again2", "again3", "start"]
    assert ran_in(project) == []
    assert len(project.latest().attempts("again")) == 3
    project.write("text.txt", "zyx")
    assert ran_in(project) == ["start"]
    project.write("text.txt", "four")
    assert ran_in(project) == ["again4", "start"]


def test_the_tasks_of_a_gang_are_always_run(project: Project) -> None:
    write(
        project,
        """
        class Together(FlowSpec):
            @step
            def start(self):
                note("start")
                self.next(self.work, num_parallel=2)

            @parallel
            @step
            def work(self):
                note("work")
                self.next(self.join)

            @step
            def join(self, inputs):
                note("join")
                self.next(self.end)

            @step
            def end(self):
                pass
    """,
    )
    assert ran_in(project, "--cache") == ["join", "start", "work", "work"]
    assert ran_in(project, "--cache") == ["work", "work"]


def test_what_has_been_collected_is_made_again(project: Project) -> None:
    write(project, LINE.replace("sum(self.data)", "'x' * 2000 + str(sum(self.data))"))
    run = project.run("flow.py")
    ref = run.task("work", "0")["artifacts"]["total"]
    project.store.objects.delete(f"blobs/{ref['digest'][:2]}/{ref['digest']}")
    assert ran(project) == ["work"]
    assert ran_in(project) == ["work"]
    assert len(load_value(project.store.objects, ref)) > 2000
    assert ran_in(project) == []


def test_a_program_is_told_what_was_cached(project: Project) -> None:
    write(project, LINE)
    run = project.run("flow.py")
    done = project.flowc("run", "flow.py", "--log-format", "json")
    events = [json.loads(line) for line in done.out.splitlines()]
    (event,) = [event for event in events if event["event"] == "task_done" and event["step"] == "work"]
    assert event["cached"] == f"{run.id}/work/work-0"


@pytest.mark.parametrize("command", ["check", "ir"])
def test_the_ir_says_what_counts(project: Project, command: str) -> None:
    write(project, LINE)
    done = project.flowc(command, "flow.py")
    assert done.code == 0, done.err
    if command == "ir":
        nodes = {node["id"]: node for node in json.loads(done.out)["nodes"]}
        assert nodes["work"]["cache"].startswith("sha256:")
        assert "cache" not in nodes["start"]


def test_modules_from_elsewhere_count(project: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The cache key also contains modules that the step imports and the program that starts the run does not."""
    write(
        project,
        LINE.replace("sum(self.data)", "__import__('late').value + early.value").replace(
            "class Line", "import early\n\nclass Line"
        )
        + '\nif __name__ == "__main__":\n    Line()\n',
    )

    def left(value: int, other: int, command: str = "flow.py") -> tuple[list[str], object]:
        place = tmp_path_factory.mktemp("elsewhere")
        (place / "early.py").write_text(f"value = {value}\n")
        (place / "late.py").write_text(f"value = {other}\n")
        path = os.pathsep.join([str(place), project.environment["PYTHONPATH"]])
        done = project.python(*command.split(), "run", *(() if command == "flow.py" else ("flow.py",)), PYTHONPATH=path)
        assert done.code == 0, done.err
        return ran(project), project.artifacts(project.latest(), "end")["result"]

    assert left(1, 10) == (["work"], (11, 1))
    assert left(1, 10, "-m flowc") == ([], (11, 1))
    assert left(2, 10) == (["work"], (12, 1))
    assert left(2, 20) == (["work"], (22, 1))
    assert left(2, 20) == ([], (22, 1))


def test_what_is_reused_may_have_been_cached(project: Project) -> None:
    """The log and the cards of a cached task are those of the original task, also in a resumed run."""
    card = "    @card\n    @cache\n    @step\n    def work(self):\n        current.card.append(Markdown('put on it'))\n"
    head = "from metaflow import card, current\nfrom metaflow.cards import Markdown\n"
    flow = LINE.replace("    @cache\n    @step\n    def work(self):\n", card).replace('note("work")', 'print("once")')
    project.write("flow.py", head + HEAD + flow)
    first = project.run("flow.py")
    second = project.run("flow.py")
    assert not second.has_cards("work")
    assert project.flowc("resume", "flow.py", "end").code == 0
    for run in (first, second, project.latest()):
        assert project.flowc("logs", f"Line/{run.id}/work/0").out == "once\n"
        assert ">put on it<" in project.flowc("card", "get", f"Line/{run.id}/work/0").out
    project.write(
        "look.py",
        """
        from metaflow import Flow
        from metaflow.cards import get_cards

        task = Flow("Line").latest_run["work"].task
        print(get_cards(task)[0].from_resumed, get_cards(task).origin_pathspec)
        try:
            get_cards(task, follow_resumed=False)
        except Exception as error:
            print(type(error).__name__)
        """,
    )
    done = project.python("look.py")
    assert done.out == f"True Line/{first.id}/work/work-0\nCardNotPresentException\n", done.err


def test_a_cached_task_whose_cards_are_gone_has_one_of_its_own(project: Project) -> None:
    head = "from metaflow import card\n"
    project.write("flow.py", head + HEAD + LINE.replace("    @cache\n", "    @card\n    @cache\n"))
    first = project.run("flow.py")
    project.store.objects.delete_below(f"flows/Line/runs/{first.id}/cards")
    second = project.run("flow.py")
    assert ran(project) == ["work"]
    assert second.has_cards("work")
    assert "</html>" in project.flowc("card", "get", f"Line/{second.id}/work/0").out


def test_decorators_of_the_command_line_count(project: Project) -> None:
    """A decorator that `--with` adds and that changes the result of a step is part of the step's cache key."""
    project.write(
        "more.py",
        """
        from metaflow import user_step_decorator

        @user_step_decorator
        def doubled(step_name, flow, inputs=None, attributes=None):
            yield
            flow.total = flow.total * attributes.get("times", 2) if step_name == "work" else 0
        """,
    )
    write(project, LINE.replace("class Line", "import more\n\nclass Line"))

    def total(*words: str) -> object:
        project.run("flow.py", *words)
        return project.artifacts(project.latest(), "work")["total"]

    assert [total(), total("--with", "more.doubled"), total("--with", "more.doubled:times=3")] == [300, 600, 900]
    assert ran(project) == ["work"] * 3
    assert [total(), total("--with", "more.doubled:times=3")] == [300, 900]
    assert ran(project) == []
