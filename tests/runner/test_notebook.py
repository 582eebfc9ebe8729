"""`NBRunner` in a real notebook: cells as a user writes them."""

from __future__ import annotations

import json
import re
import textwrap
from typing import TYPE_CHECKING

import pytest

from project import ROOT

if TYPE_CHECKING:
    from project import Project

EXECUTE = """
    import json, sys
    import nbformat
    from nbclient import NotebookClient

    cells = json.load(sys.stdin)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    texts = ["".join(output.get("text", "") for output in cell.outputs if output.get("name") == "stdout")
             for cell in notebook.cells]
    print(json.dumps(texts))
    """
FLOW = """
    %env COLOR=red
    import helper
    from metaflow import FlowSpec, NBRunner, Parameter, step

    LETTERS = "abc"  # what the class uses

    class Base(FlowSpec):
        n = Parameter("n", default=1)

        def twice(self, text):
            return text * 2

    class Train(Base):
        @step
        def start(self):
            print("n is", self.n)
            self.letters = self.twice(LETTERS) + helper.suffix()
            self.next(self.end)

        @step
        def end(self):
            pass

    run = NBRunner(Train, show_output=False).nbrun(n=2)
    print(run.data.letters, run.data.n)
    """


@pytest.fixture
def notebook(project: Project) -> Project:
    pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    del project.environment["PYTHONWARNINGS"]  # allows Jupyter's warnings
    project.write("helper.py", "def suffix(): return '!'\n")
    project.write("execute.py", EXECUTE)
    return project


def executed(project: Project, *cells: str) -> list[str]:
    """Execute the cells in a kernel; return the output of each cell."""
    texts = [textwrap.dedent(cell).strip() for cell in cells]
    project.write("cells.json", json.dumps(texts))
    code = "import sys; sys.stdin = open('cells.json'); exec(open('execute.py').read())"
    done = project.python("-c", code, timeout=180)
    assert done.code == 0, done.err
    printed: list[str] = json.loads(done.out.splitlines()[-1])
    return printed


def test_a_flow_in_a_notebook(notebook: Project) -> None:
    """The cell of the flow may contain magics, and code that starts the flow.

    The Runner uses the text that the cell had when the class was defined.
    """
    printed = executed(
        notebook,
        FLOW,
        """
        import os
        runner = NBRunner(Train)
        running = runner.run(n=3)
        print(running.status, running.run.data.n, os.path.exists(runner.flow_file))
        runner.cleanup()
        print(os.path.exists(runner.flow_file), sorted(name for name in os.listdir() if name.endswith(".py")))
        """,
        """
        class Train(Train):
            def twice(self, text):
                return text * 3
        """,
        """
        running = await NBRunner(Train, show_output=False, base_dir=".").async_run()
        await running.wait()
        print(running.status, running.run.data.letters)
        running.runner.cleanup()
        """,
        """
        for wrong in (3, type("Made", (FlowSpec,), {})):
            try:
                NBRunner(wrong)
            except ValueError as error:
                print(error)
        """,
    )
    assert printed[0].splitlines() == ["env: COLOR=red", "abcabc! 2"]
    assert printed[1].splitlines() == ["[start] n is 3", "successful 3 True", "False ['execute.py', 'helper.py']"]
    assert printed[3].splitlines() == ["successful abcabcabc!"]
    assert printed[4].splitlines() == [
        "give the class of a flow, not 3",
        "the source of Made is unknown: define it in a cell, or use Runner with a file",
    ]


def test_the_example_of_the_document(notebook: Project) -> None:
    """A cell with a flow, followed by a cell with the code of docs/runner.md."""
    text = (ROOT / "docs" / "runner.md").read_text(encoding="utf-8")
    flow, *_, of_notebook = re.findall(
        r"^```python\n(.*?)^```$", text.partition("## Deployer")[0], re.MULTILINE | re.DOTALL
    )
    printed = executed(notebook, flow.partition("if __name__")[0], f"{of_notebook}\nprint(run.data.score)")
    assert printed[1].splitlines()[-1] == "4.0"


def test_outside_of_a_notebook(project: Project) -> None:
    done = project.python("-c", "from metaflow import NBRunner; NBRunner(object)")
    assert done.err.splitlines()[-1].endswith(
        "NBRunnerInitializationError: 'NBRunner' requires an interactive Python environment (such as Jupyter); "
        "Runner takes the flow's file"
    )


RESULTS = """
    import dataclasses
    from metaflow import Flow, FlowSpec, NBRunner, step

    @dataclasses.dataclass
    class Result:
        a: int

    class Results(FlowSpec):
        @step
        def start(self):
            self.result = Result(3)
            self.next(self.end)

        @step
        def end(self):
            pass
    """
READ = """
    from metaflow import Flow
    value = Flow("Results").latest_run.data.result
    print(value, type(value) is globals().get("Result"))
    """


def test_values_of_a_notebook_s_classes(notebook: Project) -> None:
    """In the notebook that defines a class, stored values have this class; elsewhere, the class in the run's code."""
    run = "run = NBRunner(Results, show_output=False).nbrun()"
    assert executed(notebook, RESULTS, run, READ)[2] == "Result(a=3) True\n"
    assert executed(notebook, READ)[0] == "Result(a=3) False\n"
    program = notebook.write("read.py", READ)
    assert notebook.python(str(program)).out == "Result(a=3) False\n"


def test_values_of_a_script_s_classes_in_a_notebook(notebook: Project) -> None:
    guard = 'if __name__ == "__main__":\n    Results()\n'
    notebook.write("script.py", textwrap.dedent(RESULTS) + guard)
    assert notebook.python("script.py", "run").code == 0
    (notebook.root / "script.py").rename(notebook.root / "renamed.py")
    assert executed(notebook, READ)[0] == "Result(a=3) False\n"
