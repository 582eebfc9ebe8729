"""`Runner`: flows run by programs. Each test runs a program in the directory of a flow's file."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from project import Project

FLOW = """
    import os, signal, sys
    from metaflow import FlowSpec, JSONType, Parameter, step

    class Train(FlowSpec):
        alpha = Parameter("alpha", default=1.5)
        n_items = Parameter("n-items", default=3)
        data = Parameter("data", type=JSONType, default=None)
        text = Parameter("text", default="none")
        loud = Parameter("loud", default=False)
        fail = Parameter("fail", default=False)
        wait = Parameter("wait", default=False)

        @step
        def start(self):
            print("alpha", self.alpha, flush=True)
            print("a warning", file=sys.stderr, flush=True)
            if self.wait:
                signal.pause()
            self.place = os.getcwd(), os.environ.get("COLOR")
            self.next(self.end)

        @step
        def end(self):
            assert not self.fail, "as it was told to"
            self.given = [self.alpha, self.n_items, self.data, self.text, self.loud]

    if __name__ == "__main__":
        Train()
"""


@pytest.fixture
def flow(project: Project) -> Path:
    return project.write("train.py", FLOW)


def program(project: Project, text: str, **environment: str) -> list[str]:
    """Run a program; return the lines that it prints."""
    project.write("program.py", text)
    done = project.python("program.py", **environment)
    assert done.code == 0, done.err
    return done.out.splitlines()


def test_a_run(project: Project, flow: Path) -> None:
    printed = program(
        project,
        """
        from metaflow import Runner

        with Runner("train.py", show_output=False).run(alpha=2.5) as running:
            print(running.status, running.returncode, running.run.pathspec == str(running.run)[5:-2])
            print(running.run.successful, running.run.data.given)
            print(repr(running.stdout))
            print("a warning" in running.stderr, running.command_obj.command[2:5])
            logs = running.command_obj.log_files
        import os
        print(sorted(logs), any(map(os.path.exists, logs.values())))
        """,
    )
    assert printed == [
        "successful 0 True",
        "True [2.5, 3, None, 'none', False]",
        r"'[start] alpha 2.5\n'",
        "True ['run', '--alpha', '2.5']",
        "['stderr', 'stdout'] False",
    ]


def test_what_was_cleaned_up(project: Project, flow: Path) -> None:
    """After `cleanup`, the run is still in the store, and reading the Runner's logs raises an error that says why."""
    printed = program(
        project,
        """
        import asyncio
        from metaflow import Runner

        with Runner("train.py", show_output=False).run() as running:
            pass
        print(running.status, running.run.data.given[0])

        async def line():
            async for position, line in running.stream_log("stdout"):
                print(line)

        for look in lambda: running.stderr, lambda: asyncio.run(line()):
            try:
                look()
            except FileNotFoundError as error:
                print(error)
        """,
    )
    assert printed == [
        "successful 1.5",
        "`cleanup` has removed the log of stderr: read it earlier, or inside the `with` block",
        "`cleanup` has removed the log of stdout: read it earlier, or inside the `with` block",
    ]


def test_a_run_that_is_killed(project: Project, flow: Path) -> None:
    """If a run is killed, as the kernel does when memory is short, the output that it wrote before can be read."""
    printed = program(
        project,
        """
        import asyncio, signal
        from metaflow import Runner

        async def main():
            running = await Runner("train.py", show_output=False).async_run(wait=True)
            async for position, line in running.stream_log("stdout"):
                running.command_obj.process.send_signal(signal.SIGKILL)
            await running.wait()
            print(running.status, running.returncode, running.run.status, running.stdout.strip())

        asyncio.run(main())
        """,
    )
    assert printed == ["failed -9 killed [start] alpha 1.5"]


def test_a_flow_that_fails_raises_nothing(project: Project, flow: Path) -> None:
    printed = program(
        project,
        """
        from metaflow import Runner

        running = Runner("train.py", show_output=False).run(fail=True)
        print(running.status, running.returncode, running.run.successful)
        print([line for line in running.stderr.splitlines() if line.startswith("error")])
        """,
    )
    assert printed == ["failed 1 False", "[\"error: step 'end' failed: AssertionError: as it was told to\"]"]


def test_output_is_shown(project: Project, flow: Path) -> None:
    """By default, the Runner prints the run's output as soon as it arrives, and also stores it."""
    project.write(
        "program.py",
        "from metaflow import Runner\n"
        "running = Runner('train.py').run()\n"
        "print(running.stdout.count('alpha'), running.stderr.count('a warning'))\n",
    )
    done = project.python("program.py")
    assert done.out.splitlines() == ["[start] alpha 1.5", "1 1"]
    assert done.err.count("a warning") == 1


def test_typed_values(project: Project, flow: Path) -> None:
    """A value reaches the step unchanged, also if a shell or a command line would change its text."""
    printed = program(
        project,
        """
        from metaflow import Runner

        awkward = "--alpha 3 'x' $HOME\\n\\u00e9"
        runner = Runner("train.py", show_output=False)
        given = dict(alpha=-1, n_items=4, data={"a": [1, None]}, text=awkward, loud=True)
        found = runner.run(**given, tags=["one", "two words"], max_workers=1).run
        print(found.data.given == [-1.0, 4, {"a": [1, None]}, awkward, True], sorted(found.user_tags))
        print(runner.run(data=[1]).run.data.given[2], runner.run(data='"text"').run.data.given[2])
        """,
    )
    assert printed == ["True ['one', 'two words']", "[1] text"]


def test_bad_arguments(project: Project, flow: Path) -> None:
    """Unknown names and values of a wrong type are refused before a process starts; the error lists the valid names."""
    project.write("need.py", FLOW.replace('"text", default="none"', '"text", type=str, required=True'))
    printed = program(
        project,
        """
        from metaflow import Runner

        runner = Runner("train.py", show_output=False)
        wrong = dict(beta=1), dict(alpha="x"), dict(loud="True"), dict(n_items=1.5), dict(tags="x"), dict(max_workers="3")
        for given in wrong:
            try:
                runner.run(**given)
            except (TypeError, ValueError) as error:
                print(type(error).__name__, error)
        for top, given in (dict(colour="red"), {}), ({}, dict(runner_attribute_file="x")):
            try:
                Runner("train.py", **top).run(**given)
            except ValueError as error:
                print(error)
        try:
            Runner("need.py", show_output=False).run(alpha=1)
        except ValueError as error:
            print(error)
        """,
    )
    said = iter(printed)
    assert next(said).startswith(
        "ValueError Unknown argument: 'beta', possible args are: alpha, n_items, data, text, loud, fail, wait, "
    )
    assert next(said) == (
        "TypeError Invalid type for 'alpha' (<class 'str'>), expected: '<class 'float'>', default is '1.5' but found 'x'"
    )
    assert next(said).startswith("TypeError Invalid type for 'loud' (<class 'str'>), expected: '<class 'bool'>'")
    assert next(said).startswith("TypeError Invalid type for 'n_items' (<class 'float'>)")
    assert next(said).startswith("TypeError Invalid type for 'tags' (<class 'str'>), expected: 'list[str]")
    assert next(said).startswith("TypeError Invalid type for 'max_workers' (<class 'str'>), expected: 'int")
    assert next(said).startswith("Unknown argument: 'colour', possible args are: quiet, ")
    assert next(said).startswith("the Runner itself sets runner_attribute_file")
    assert next(said) == "Missing argument: text is required."
    assert not project.store.flows()


def test_what_cannot_begin(project: Project, flow: Path) -> None:
    """Errors at the start: a missing file, a file without a flow, a flow with a fault, an option with a wrong value."""
    project.write("empty.py", "x = 1\n")
    project.write("uncalled.py", FLOW.partition("if __name__")[0])
    project.write("faulty.py", FLOW.replace("self.next(self.end)", "self.next(self.nowhere)"))
    printed = program(
        project,
        """
        from metaflow import Runner

        for file, top, *given in ("none.py", {}), ("empty.py", {}), ("faulty.py", {}), ("train.py", dict(datastore="tape")), ("uncalled.py", {}), ("uncalled.py", {}, 1):
            try:
                Runner(file, show_output=False, **top).run(**dict.fromkeys(["rate"][:len(given)], 1))
            except Exception as error:
                print(type(error).__name__, str(error).replace("\\n", "|"))
        """,
    )
    assert printed[0].startswith("FileNotFoundError Flow file not present at '/")
    assert printed[1].startswith("MetaflowException No FlowSpec class found in /")
    assert printed[2].startswith("RuntimeError Error executing: ") and "nowhere" in printed[2]
    assert printed[3].startswith("RuntimeError Error executing: ") and "'tape' is not supported" in printed[3]
    for line in printed[4:]:
        # if an argument may be a parameter, the Runner reads the flow's parameters first; the error is the same
        assert line.startswith("MetaflowException uncalled.py defines the flow 'Train' and never calls it: ")
        assert '|hint: end the file with `if __name__ == "__main__":`' in line
    assert len(printed) == 6


def test_where_it_runs(project: Project, flow: Path) -> None:
    """`cwd` and `env` apply to the run; a relative path of the flow's file is relative to the program's directory."""
    (project.root / "elsewhere").mkdir()
    printed = program(
        project,
        """
        from metaflow import Runner, get_namespace

        runner = Runner("train.py", show_output=False, cwd="elsewhere", env={"COLOR": "red", "METAFLOW_USER": "ann"})
        run = runner.run(n_items=1).run
        print(run.data.place[0].endswith("/elsewhere"), run.data.place[1], run.data.given[1])
        print(get_namespace(), "user:ann" in run.tags)
        """,
        METAFLOW_USER="bob",
    )
    assert printed == ["True red 1", "user:bob True"]


def test_options_before_the_command(project: Project, flow: Path) -> None:
    printed = program(
        project,
        """
        from metaflow import Runner

        running = Runner("train.py", show_output=False, decospecs=["retry:times=2"], quiet=True, pylint=False).run()
        print(running.command_obj.command[2:-2])
        """,
    )
    assert printed == ["['--with', 'retry:times=2', '--quiet', '--no-pylint', 'run']"]


def test_several_at_once(project: Project, flow: Path) -> None:
    """`async_run` returns when the run has started; `wait` and `stream_log` can be used as soon as it has returned."""
    printed = program(
        project,
        """
        import asyncio
        from metaflow import Runner

        async def main():
            async with Runner("train.py", show_output=False) as runner:
                runs = await asyncio.gather(*(runner.async_run(alpha=float(n)) for n in range(4)))
                print(len({running.run.id for running in runs}))
                lines = [line async for _, line in runs[2].stream_log("stdout")]
                print(lines)
                for running in runs:
                    assert await running.wait() is running
                print([running.status for running in runs], [running.run.data.given[0] for running in runs])
                (at, line), = [found async for found in runs[1].stream_log("stdout")]
                print(at, [found async for found in runs[1].stream_log("stdout", position=at)])
                await runs[3].wait(stream="stdout")
                try:
                    async for line in runs[1].stream_log("stdin"): pass
                except ValueError as error:
                    print(error)

        asyncio.run(main())
        """,
    )
    assert printed == [
        "4",
        "['[start] alpha 2.0']",
        "['successful', 'successful', 'successful', 'successful'] [0.0, 1.0, 2.0, 3.0]",
        "18 []",
        "[start] alpha 3.0",
        "No log file found for 'stdin', valid values are: stdout, stderr",
    ]


def test_what_takes_too_long_is_ended(project: Project, flow: Path) -> None:
    printed = program(
        project,
        """
        import asyncio
        from metaflow import Runner

        async def main():
            with Runner("train.py", show_output=False) as runner:
                slow = await runner.async_run(wait=True)
                print(slow.status, slow.returncode)
                await slow.wait(timeout=0.01)
                print(slow.status, slow.returncode, slow.run.status)
                other = await runner.async_run(wait=True)
                other.command_obj.kill()
                print(other.status, other.returncode, other.run.status)

        asyncio.run(main())
        """,
    )
    assert printed[0] == "running None"
    assert printed[1].startswith("Timeout: The process (PID ") and printed[1].endswith("within 0.01 seconds.")
    assert printed[2:] == ["timeout 143 interrupted", "failed 143 interrupted"]


def test_it_does_not_depend_on_one_event_loop(project: Project, flow: Path) -> None:
    """A run that was started in one event loop can be read without a loop, and awaited in another loop."""
    printed = program(
        project,
        """
        import asyncio
        from metaflow import Runner

        running = asyncio.run(Runner("train.py", show_output=False).async_run())
        asyncio.run(running.wait())
        print(running.status)
        """,
    )
    assert printed == ["successful"]


def test_from_threads(project: Project, flow: Path) -> None:
    """Many threads can start runs at the same time, because the Runner does not fork this process."""
    printed = program(
        project,
        """
        from concurrent.futures import ThreadPoolExecutor
        from metaflow import Runner

        runner = Runner("train.py", show_output=False)
        with ThreadPoolExecutor(4) as pool:
            print([running.run.data.given[1] for running in pool.map(lambda n: runner.run(n_items=n), range(4))])
        """,
    )
    assert printed == ["[0, 1, 2, 3]"]


def test_a_step_runs_another_flow(project: Project, flow: Path) -> None:
    project.write(
        "outer.py",
        """
        from metaflow import FlowSpec, Runner, step

        class Outer(FlowSpec):
            @step
            def start(self):
                self.alphas = [0.5, 1.5]
                self.next(self.inner, foreach="alphas")

            @step
            def inner(self):
                with Runner("train.py").run(alpha=self.input) as running:
                    self.found = running.status, running.run.data.given[0]
                self.next(self.join)

            @step
            def join(self, inputs):
                self.found = [one.found for one in inputs]
                self.next(self.end)

            @step
            def end(self):
                print(self.found)
        """,
    )
    done = project.flowc("run", "outer.py")
    assert done.code == 0, done.err
    assert "[inner/0.1] [start] alpha 1.5" in done.out
    assert done.out.endswith("[end] [('successful', 0.5), ('successful', 1.5)]\n")


INTERRUPTED = {
    "run": """
        try:
            runner.run(wait=True)
        except KeyboardInterrupt:
            print(Flow("Train").latest_run.status)
        """,
    "async_run": """
        async def main():
            with runner:
                running = await runner.async_run(wait=True)
                await running.wait(stream="stdout")

        try:
            asyncio.run(main())
        except KeyboardInterrupt:
            print(Flow("Train").latest_run.status)
        """,
    "async_run, nothing caught": """
        async def main():
            running = await runner.async_run(wait=True)
            await running.wait(stream="stdout")

        asyncio.run(main())
        """,
}


@pytest.mark.parametrize("kind", INTERRUPTED)
def test_an_interrupt_ends_the_run(project: Project, flow: Path, kind: str) -> None:
    """Ctrl-C in a notebook, or a service manager's signal, reaches only the program, which then ends the run."""
    begin = """
        import asyncio
        from metaflow import Flow, Runner

        runner = Runner("train.py")
        """
    project.write("program.py", begin + INTERRUPTED[kind])
    with project.start("-u", "program.py") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "[start] alpha 1.5\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    if "nothing" in kind:
        assert process.returncode == -signal.SIGINT
    else:
        assert (process.returncode, out) == (0, "interrupted\n"), err
    assert project.latest().status()["state"] == "interrupted"


def test_what_a_command_leaves_running_does_not_hold_it_up(project: Project) -> None:
    """If a command leaves a process running that holds its pipes, the command still counts as ended."""
    printed = program(
        project,
        """
        from metaflow.runner.subprocess_manager import CommandManager

        command = CommandManager(["sh", "-c", "sleep 600 & echo $!"])
        command.run(show_output=True)
        command.sync_wait()
        print(command.process.returncode)
        """,
    )
    daemon, code = map(int, printed)
    os.kill(daemon, signal.SIGKILL)
    assert code == 0


def test_a_flow_that_changes(project: Project, flow: Path) -> None:
    """A Runner reads the flow's file at each start; files with one name in two directories are independent."""
    project.write("other/train.py", FLOW.replace('"n-items"', '"count"'))
    printed = program(
        project,
        """
        from pathlib import Path
        from metaflow import Runner

        runner = Runner("train.py", show_output=False)
        print(runner.run(n_items=1).run.data.given[1])
        print(Runner("other/train.py", show_output=False).run(count=2).run.data.given[1])
        Path("train.py").write_text(Path("train.py").read_text().replace('"n-items"', '"number"'))
        print(runner.run(number=3).run.data.given[1])
        """,
    )
    assert printed == ["1", "2", "3"]


def test_processes(project: Project) -> None:
    """The class that manages a Runner's processes can run any command."""
    printed = program(
        project,
        """
        import asyncio
        from metaflow.runner.subprocess_manager import CommandManager, LogReadTimeoutError, SubprocessManager

        manager = SubprocessManager()
        pid = manager.run_command(["sh", "-c", "echo one; exit 3"], show_output=True)
        manager.get(pid).sync_wait()
        print(manager.get(pid).process.returncode)

        async def main():
            pid = await manager.async_run_command(["sh", "-c", "echo two; printf three; exec sleep 600"])
            seen = []
            try:
                async for found in manager.get(pid).stream_log("stdout", timeout_per_line=0.2):
                    seen.append(found)
            except LogReadTimeoutError as error:
                print(seen, error)
            manager.get(pid).kill()
            print(manager.get(pid).process.returncode)
            await manager.get(pid).emit_logs(custom_logger=lambda line: print("log:", line))

        asyncio.run(main())
        try:
            manager.get(pid).run()
        except RuntimeError as error:
            print(error)
        try:
            CommandManager(["true"]).started
        except RuntimeError as error:
            print(error)
        """,
    )
    assert printed == [
        "one",
        "3",
        "[(4, 'two')] no line on stdout for 0.2 seconds",
        "-15",
        "log: two",
        "log: three",
        "'sh -c echo one; exit 3' has been started already: create another CommandManager",
        "'true' has not been started: call run()",
    ]


def test_configs_and_parameters_of_all_kinds(project: Project) -> None:
    """A Runner accepts lists, files by their paths, and configs, and converts them to options."""
    project.write(
        "train.py",
        """
        from metaflow import Config, FlowSpec, IncludeFile, Parameter, step

        class Train(FlowSpec):
            config = Config("config", default_value={"size": 1})
            more = Config("more", default_value={})
            sizes = Parameter("sizes", type=int, multiple=True)
            words = Parameter("words", separator=",", default="x")
            text = IncludeFile("text", default=None)
            of_config = Parameter("of-config", default=config.size)

            @step
            def start(self):
                self.next(self.end)

            @step
            def end(self):
                self.given = [self.config.size, dict(self.more), list(self.sizes or ()), list(self.words), self.text]

        if __name__ == "__main__":
            Train()
        """,
    )
    project.write("text.txt", "text")
    project.write("more.json", '{"a": [1]}')
    printed = program(
        project,
        """
        from pathlib import Path
        from metaflow import Runner

        def given(top, **options):
            return Runner("train.py", show_output=False, **top).run(**options).run.data.given

        print(given({}, sizes=[1, 2], words=["a", "b"], text=Path("text.txt")))
        print(given(dict(config_value=[("config", {"size": 2})], config=[("more", "more.json")]), words="c,d"))
        config = Runner("train.py", show_output=False).run().run.data.config
        print(given(dict(config_value={"config": config, "more": {"b": None}})), type(config).__name__)
        for wrong in dict(sizes=1), dict(sizes=["1"]), dict(words=3), dict(text=1), dict(of_config="x"):
            try:
                given({}, **wrong)
            except TypeError as error:
                print(error)
        try:
            given(dict(config_value=[{"config": 1}]))
        except TypeError as error:
            print(error)
        """,
    )
    assert printed[:3] == [
        "[1, {}, [1, 2], ['a', 'b'], 'text']",
        "[2, {'a': [1]}, [], ['c', 'd'], None]",
        "[1, {'b': None}, [], ['x'], None] dict",
    ]
    assert [line.partition("(")[0] for line in printed[3:]] == [
        "Invalid type for 'sizes' ",
        "Invalid type for 'sizes' ",
        "Invalid type for 'words' ",
        "Invalid type for 'text' ",
        "Invalid type for 'of_config' ",
        "Invalid type for 'config_value' ",
    ]
