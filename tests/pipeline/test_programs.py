"""Programs that call `execute`: notebooks, debuggers, interrupts, threads, and steps that execute pipelines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from project import passing, read_until, wait_until
from terminal import Terminal

if TYPE_CHECKING:
    from project import Finished, Project

BASE = """
    from flowc.pipeline import Pipeline, PythonTask, ShellTask

    def double(x: int) -> int:
        return x * 2

    def inner(x: int):
        return Pipeline(name="inside", steps=[PythonTask(name="double", function=double, returns=["y"])]).execute({"x": x})["y"]

    def tell(**values):
        return sorted(values)

    def name(word):
        return word

    doubled = Pipeline(name="doubled", steps=[PythonTask(name="double", function=double, returns=["y"])])
    nested = Pipeline(name="nested", steps=[PythonTask(name="inner", function=inner, returns=["z"])])
    everything = Pipeline(name="everything", steps=[PythonTask(name="tell", function=tell, returns=["names"])])
    words = Pipeline(name="words", steps=[PythonTask(name="name", function=name, returns=["found"])])
    """


def program(project: Project, body: str, **environment: str) -> Finished:
    project.write("code/base.py", BASE)
    project.write("code/program.py", f"from base import *\n\n{body}")
    return project.python("code/program.py", **environment)


def test_a_cell_of_a_notebook_executes_its_functions_twice(project: Project) -> None:
    cells = """
import asyncio
import nbformat
from nbclient import NotebookClient

CELLS = [
    "from flowc.pipeline import Pipeline, PythonTask\\nfactor = 3",
    "def scale(x: int):\\n    print('in the step')\\n    return x * factor",
    "p = Pipeline(name='cells', steps=[PythonTask(name='scale', function=scale, returns=['y'])])\\np.execute({'x': 2})['y']",
    "p.execute({'x': 5})['y']",
]
book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
NotebookClient(book).execute()
for cell in book.cells[2:]:
    texts = "".join(output.get("text", "") for output in cell.outputs)
    results = [output.data["text/plain"] for output in cell.outputs if output.output_type == "execute_result"]
    print("CELL", results, "[scale] in the step" in texts)
"""
    project.write("book.py", cells)
    done = project.python("book.py", PYTHONWARNINGS="default", IPYTHONDIR=str(project.root / "ipython"))
    assert done.code == 0, done.err
    shown = [line for line in done.out.splitlines() if line.startswith("CELL")]  # the kernel adds other lines
    assert shown == ["CELL ['6'] True", "CELL ['15'] True"]


def test_a_breakpoint_in_a_function_stops_on_the_terminal(project: Project) -> None:
    project.write("program.py", """
        from flowc.pipeline import Pipeline, PythonTask

        def work(x: int):
            found = x + 1
            breakpoint()
            found += 1
            return found

        if __name__ == "__main__":
            pipeline = Pipeline(name="stops", steps=[PythonTask(name="work", function=work, returns=["found"])])
            print("FOUND", pipeline.execute({"x": 1})["found"])
        """)  # fmt: skip
    with Terminal(project, "program.py") as terminal:
        assert "debugger work\n" in terminal.until("(Pdb) ")
        assert terminal.say("p found, x") == "(2, 1)\n"
        terminal.say("found = 10")
        terminal.type("c\n")
        assert terminal.end() == 0
        assert "FOUND 11" in terminal.seen


def test_ctrl_c_interrupts_the_program_and_its_run(project: Project) -> None:
    gate = project.gate()
    project.write("program.py", f"""
        import fcntl
        from flowc.pipeline import Pipeline, PythonTask

        def work():
            print("waiting", flush=True)
            {passing()}

        if __name__ == "__main__":
            try:
                Pipeline(name="waits", steps=[PythonTask(name="work", function=work)]).execute()
            except KeyboardInterrupt:
                print("the program was interrupted")
        """)  # fmt: skip
    with Terminal(project, "program.py") as terminal:
        terminal.until("[work] waiting")
        terminal.type("\x03")
        assert terminal.end() == 0  # `end` returns when all processes on the terminal have ended
        assert "the program was interrupted" in terminal.seen
    gate.open()
    assert project.latest().status()["state"] == "interrupted"


@pytest.mark.parametrize("ignored", ["", "SIGINT", "SIGINT, SIGTERM, SIGHUP"])
@pytest.mark.parametrize("way", ["fork", "new process", "stream"])
def test_the_run_ends_with_a_program_that_is_killed(project: Project, way: str, ignored: str) -> None:
    gate = project.gate()
    project.write("program.py", f"""
        import asyncio, fcntl, threading
        from signal import SIG_IGN, SIGHUP, SIGINT, SIGTERM, signal
        from flowc.pipeline import Pipeline, PythonTask

        def work():
            print("waiting", flush=True)
            {passing()}

        async def stream():
            async for _ in waits.execute_streaming():
                pass

        waits = Pipeline(name="waits", steps=[PythonTask(name="work", function=work)])
        if __name__ == "__main__":
            for number in [{ignored}]:  # a shell script starts programs in its background with SIGINT ignored
                signal(number, SIG_IGN)
            if {way == "stream"}:
                asyncio.run(stream())
            if {way == "new process"}:
                threading.Thread(target=threading.Event().wait, daemon=True).start()
            waits.execute()
        """)  # fmt: skip
    process = project.start("program.py")
    read_until(process.stdout, "waiting")
    process.kill()
    wait_until(lambda: project.latest().status()["state"] == "interrupted", "the run goes on without its program")
    gate.open()


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("way", ["fork", "new process", "stream"])
def test_a_program_whose_standard_streams_are_closed(project: Project, way: str, closed: str) -> None:
    project.write("program.py", f"""
        import asyncio, threading
        own = open("own.txt", "w")  # it gets the descriptor of the first closed stream
        from flowc.pipeline import Pipeline, PythonTask

        def work():
            print("a line of the task")
            return 5

        async def stream():
            async for _ in closed.execute_streaming():
                pass

        closed = Pipeline(name="closed", steps=[PythonTask(name="work", function=work, returns=["x"])])
        if __name__ == "__main__":
            stop = threading.Event()
            if {way == "stream"}:
                asyncio.run(stream())
            else:
                if {way == "new process"}:
                    threading.Thread(target=stop.wait).start()
                assert closed.execute()["x"] == 5
            own.write("done")
            stop.set()
        """)  # fmt: skip
    code = "import os, sys; os.execvp('sh', ['sh', '-c', sys.argv[1], sys.executable])"
    done = project.python("-c", code, f'exec "$0" program.py {closed}')
    assert done.code == 0, done.err
    assert (project.root / "own.txt").read_text() == "done"
    assert project.latest().status()["state"] == "succeeded"
    assert project.flowc("logs", f"closed/{project.latest().id}").out.endswith("a line of the task\n")


@pytest.mark.parametrize(("value", "message"), [
    ("'abc'", "the parameter 'x' (argument of double() in step 'double', base.py:15:1): 'abc' is not an int"),
    ("[1]", "the parameter 'x' (argument of double() in step 'double', base.py:15:1): [1] is not an int"),
])  # fmt: skip
def test_a_value_of_a_wrong_type_is_refused_before_the_run(project: Project, value: str, message: str) -> None:
    done = program(project, f"doubled.execute({{'x': {value}}})")
    assert done.code == 1
    assert done.err.splitlines()[-1] == f"flowc.pipeline.errors.PipelineError: {message}"
    assert project.store.flows() == []


def test_a_step_executes_a_pipeline(project: Project) -> None:
    done = program(project, "print(nested.execute({'x': 4})['z'])")
    assert (done.code, done.out) == (0, "8\n"), done.err
    assert project.store.flows() == ["inside", "nested"]


def test_a_thread_executes_a_pipeline(project: Project) -> None:
    done = program(project, """
import threading
several = [threading.Thread(target=lambda x=x: print(doubled.execute({"x": x})["y"])) for x in (1, 2)]
for each in several: each.start()
for each in several: each.join()
""")  # fmt: skip
    assert done.code == 0, done.err
    assert sorted(done.out.split()) == ["2", "4"]


def test_a_file_of_parameters_and_a_tag(project: Project) -> None:
    project.write("values.json", '{"x": 9}')
    done = program(project, """
print(doubled.execute(parameters_file="values.json")["y"])
done = doubled.execute({"x": 2}, parameters_file="values.json", tag="mine")
print(done["y"], "mine" in done.run.tags)
""")  # fmt: skip
    assert (done.code, done.out.splitlines()) == (0, ["18", "4 True"]), done.err


def test_a_missing_file_of_parameters_is_reported(project: Project) -> None:
    done = program(project, "doubled.execute(parameters_file='gone.yaml')")
    assert done.code == 1
    assert "gone.yaml" in done.err
    assert project.store.flows() == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("doubled.execute({'x': 1, 'xx': 2})", "no step of the pipeline takes a value 'xx': did you mean 'x'?"),
        (
            "doubled.execute({'x': 1, 'other': 2})",
            "no step of the pipeline takes a value 'other': the parameters are x",
        ),
    ],
)
def test_a_value_that_no_step_takes_is_refused(project: Project, call: str, message: str) -> None:
    done = program(project, call)
    assert done.code == 1
    assert message in done.err
    assert project.store.flows() == []


def test_a_step_that_takes_all_values_accepts_any_name(project: Project) -> None:
    done = program(project, "print(everything.execute({'a': 1, 'b': 2})['names'])")
    assert (done.code, done.out) == (0, "['a', 'b']\n"), done.err


@pytest.mark.parametrize(("text", "value"), [("42", 42), ("two", "two"), ('{"i": 1}', {"i": 1}), ("True", "True")])
def test_runnables_variables_set_parameters(project: Project, text: str, value: object) -> None:
    done = program(project, "import json; print(json.dumps(words.execute()['found']))", RUNNABLE_PRM_word=text)
    assert done.code == 0, done.err
    assert json.loads(done.out) == value
    assert project.flowc("run", "--local", "code/base.py:words", RUNNABLE_PRM_word=text).code == 0


def test_arguments_take_precedence_over_variables(project: Project) -> None:
    done = program(project, "print(doubled.execute({'x': 1})['y'])", RUNNABLE_PRM_x="5", METAFLOW_RUN_X="6")
    assert (done.code, done.out) == (0, "2\n"), done.err


def test_flow_classes_do_not_read_variables_of_pipelines(project: Project) -> None:
    project.write("flow.py", """
        from metaflow import FlowSpec, Parameter, step

        class F(FlowSpec):
            x = Parameter("x", default=1)

            @step
            def start(self):
                self.next(self.end)

            @step
            def end(self): pass
        """)  # fmt: skip
    assert project.flowc("run", "--local", "flow.py", RUNNABLE_PRM_x="5").code == 0
    assert project.latest().record()["parameters"]["x"] == 1


def test_a_program_without_a_guard_reads_values_of_its_own_classes_without_running_again(project: Project) -> None:
    project.write("program.py", """
        from flowc.pipeline import Pipeline, PythonTask, pickled

        class Table:
            rows = [1, 2]

        def make():
            return Table()

        print("BEGINS", __name__)
        done = Pipeline(name="own", steps=[PythonTask(name="make", function=make, returns=[pickled("table")])]).execute()
        print("IS", type(done["table"]) is Table, __name__)
        """)  # fmt: skip
    done = project.python("program.py")
    assert done.code == 0, done.err
    # lines that begin with [make] come from the task, which imports the file again
    shown = [line for line in done.out.splitlines() if not line.startswith("[make] ")]
    assert shown == ["BEGINS __main__", "IS True __main__"]
    assert len(project.store.runs("own")) == 1
