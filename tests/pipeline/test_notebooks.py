"""Notebooks as steps, in a real kernel: inputs, returns, the executed notebook, failures, and use outside of flowc."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flowc.frontends.pipeline.lower_pipeline import load_pipeline
from flowc.frontends.pipeline.named_objects import load_notebook
from flowc.pipeline import NotebookTask
from flowc_runtime.run.nodes.programs import notebook as notebook_steps
from flowc_runtime.run.nodes.programs.notebook_source import Default, NotebookSourceError, read_notebook
from project import has_ended, read_until, wait_until

if TYPE_CHECKING:
    from project import Project


def notebook(*cells: str, tagged: str = "", language: str = "python") -> str:
    """Return a notebook with these cells; a cell that begins with `# ` is Markdown.

    If `tagged` is given, it becomes the first cell, tagged `parameters`.
    """

    def cell(source: str, tags: list[str]) -> dict[str, Any]:
        if source.startswith("# "):
            return {"cell_type": "markdown", "metadata": {}, "source": source}
        code = {"cell_type": "code", "metadata": {"tags": tags}, "source": source.splitlines(keepends=True)}
        return {**code, "execution_count": None, "outputs": []}

    every = [*([cell(tagged, ["parameters"])] if tagged else []), *(cell(each, []) for each in cells)]
    metadata = {"kernelspec": {"language": language, "name": "gone", "display_name": "Gone"}}
    return json.dumps({"cells": every, "metadata": metadata, "nbformat": 4, "nbformat_minor": 4})


PIPELINES = """
    from flowc.pipeline import Map, NotebookJob, Parallel, Pipeline, NotebookTask, PythonTask, json, metric, pickled
    import shapes

    def N(name, file, *returns, **more):
        return NotebookTask(name=name, notebook=file, returns=list(returns), **more)

    def make():
        return shapes.Table([1, 2]), [1, "a.csv", {"k": [None, True]}], 3

    def use(table, model):
        return len(table.rows), model(2)

    flow = Pipeline(name="flow", steps=[
        PythonTask(name="make", function=make, returns=[pickled("table"), "items", "n"]),
        N("fit", "fit.ipynb", pickled("table"), pickled("model"), "n", metric("score")),
        PythonTask(name="use", function=use, returns=["rows", "predicted"]),
        Map(name="each", iterate_on="items", iterate_as="item", branch=Pipeline(steps=[
            N("one", "sub/one.ipynb", "kind")])),
    ])
    missing = Pipeline(name="missing", steps=[N("fit", "small.ipynb", "nothing")])
    secret = Pipeline(name="secret", steps=[N("show", "secret.ipynb", secrets=["KEY"])])
    returned = Pipeline(name="returned", steps=[N("show", "secret.ipynb", "key", secrets=["KEY"])])
    job = NotebookJob(notebook="small.ipynb", returns=["y"])
    """


@pytest.fixture
def notebooks(project: Project) -> Project:
    del project.environment["PYTHONWARNINGS"]  # allows Jupyter's warnings
    project.write("shapes.py", """
        class Table:
            def __init__(self, rows):
                self.rows = rows
        """)  # fmt: skip
    project.write("pipeline.py", PIPELINES)
    project.write("fit.ipynb", notebook(
        "import shapes\nassert isinstance(table, shapes.Table)\nopen('runs', 'a').write('1')\ntable.rows.append(n)",
        "class Model:\n    def __call__(self, x):\n        return x * factor\nmodel = Model()\nscore = 0.5",
        "print('rows', table.rows)\nn = n + 1",
        tagged="n = 1\nfactor: int = 10\n",
    ))  # fmt: skip
    project.write("sub/one.ipynb", notebook("kind = f'{type(item).__name__} {item}'"))
    project.write("small.ipynb", notebook("# a text", "y = x + 1", tagged="x = 1"))
    project.write("bad.ipynb", notebook("a = 1\nprint('before')", "# a text", "def f():\n    return 1 / 0\nf()"))
    project.write("secret.ipynb", notebook("import os\nkey = os.environ['KEY']\nprint('key', key)\nkey"))
    return project


def run(project: Project, name: str) -> dict[str, Any]:
    """Run a pipeline, which must succeed; return the values at its end."""
    done = project.python("-c", f"import pipeline; print('OUT', pipeline.{name}.execute().outputs)", timeout=120)
    assert done.code == 0, done.err
    (line,) = (line for line in done.out.splitlines() if line.startswith("OUT "))
    values: dict[str, Any] = eval(line[4:].replace("<", "'<").replace(">", ">'"))
    return values


def test_objects_and_values_go_in_and_out(notebooks: Project) -> None:
    values = run(notebooks, "flow")
    assert values["rows"] == 3
    assert values["predicted"] == 20
    assert (values["n"], values["score"]) == (4, 0.5)
    assert values["kind"] == ["int 1", "str a.csv", "dict {'k': [None, True]}"]
    assert (notebooks.root / "runs").read_text() == "1"


def executed(project: Project, step: str, path: str = "0") -> dict[str, Any]:
    """Return the executed notebook that the newest run has stored for this task."""
    found: dict[str, Any] = json.loads(project.artifacts(project.latest(), step, path)["executed_notebook"])
    return found


def written(project: Project, task: str) -> dict[str, Any]:
    """Write the executed notebook of a task to a file, as a user would."""
    done = project.flowc("dump", task, "--include", "executed_notebook", "-o", "out.ipynb")
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads((project.root / "out.ipynb").read_text())
    return found


def test_only_one_text_is_written_to_a_file(notebooks: Project) -> None:
    notebooks.run("pipeline.py:job")
    several = notebooks.flowc("dump", "small/latest/small", "-o", "out")
    assert several.code == 1
    assert "--output writes one value, and 2 are selected" in several.err
    number = notebooks.flowc("dump", "small/latest/small", "--include", "y", "-o", "out")
    assert number.code == 1
    assert "artifact 'y' is int, not a text or bytes" in number.err


def test_a_notebook_runs_alone_and_is_kept(notebooks: Project) -> None:
    done = notebooks.flowc("run", "--local", "small.ipynb", "--x", "4")
    assert done.code == 0, done.err
    tags = [cell["metadata"].get("tags") for cell in executed(notebooks, "small")["cells"]]
    assert tags == [["parameters"], ["injected-parameters"], None, []]
    assert executed(notebooks, "small")["cells"][1]["source"] in ("x = 4", ["x = 4"])
    assert written(notebooks, "small/latest/small")["nbformat"] == 4
    assert "'abc' is not an int" in notebooks.flowc("run", "--local", "small.ipynb", "--x", "abc").err.replace('"', "'")


def test_a_failing_cell_is_named_and_the_notebook_is_kept(notebooks: Project) -> None:
    done = notebooks.flowc("run", "--local", "bad.ipynb")
    assert done.code == 1
    assert "notebook bad.ipynb, code cell 2, line 3 (`f()`): ZeroDivisionError: division by zero" in done.err
    assert "[bad] before" in done.out
    assert "----> 2     return 1 / 0" in done.err
    assert written(notebooks, "bad/latest/bad")["cells"][2]["outputs"][0]["ename"] == "ZeroDivisionError"
    assert "WARNING" not in done.err


def test_a_missing_return_names_the_notebook(notebooks: Project) -> None:
    done = notebooks.flowc("run", "--local", "pipeline.py:missing")
    assert done.code == 1
    assert "notebook small.ipynb does not set the variable 'nothing', which its task returns" in done.err


@pytest.mark.parametrize("name", ["secret", "returned"])
def test_no_stored_byte_has_a_secret(notebooks: Project, name: str) -> None:
    done = notebooks.flowc("run", "--local", f"pipeline.py:{name}", KEY="s3cr3t-value")
    assert done.code == (1 if name == "returned" else 0), done.err
    assert "key ***" in done.out
    if name == "returned":
        assert "returned 'key' with the value of the secret KEY" in done.err
    files = [path for path in (notebooks.root / ".flowc").rglob("*") if path.is_file()]
    assert not [path for path in files if b"s3cr3t-value" in path.read_bytes()]


def test_an_interrupted_run_leaves_no_kernel(notebooks: Project) -> None:
    notebooks.write("slow.ipynb", notebook("import os, time\nprint('pid', os.getpid())\ntime.sleep(1000)"))
    with notebooks.start("-m", "flowc", "run", "--local", "slow.ipynb") as process:
        pid = int(read_until(process.stdout, "pid ").rpartition("pid ")[2])
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    wait_until(lambda: has_ended(pid), "the kernel still runs")


def test_the_notebooks_travel(notebooks: Project) -> None:
    done = notebooks.python("-c", (
        "import pipeline; from flowc.frontends.pipeline.lower_pipeline import load_pipeline\n"
        "print([name for name, _ in load_pipeline(pipeline.flow, module=pipeline).package.files])"
    ))  # fmt: skip
    assert eval(done.out) == ["fit.ipynb", "pipeline.py", "shapes.py", "sub/one.ipynb"], done.err
    loaded = load_notebook(notebooks.root / "small.ipynb")
    assert "small.ipynb" in dict(loaded.package.files)


def test_the_parameters_of_a_notebook(tmp_path: Path) -> None:
    tagged = "x: int = 1\ny = 0.5\nname = 'a'\nitems = [1]\nnone = None\nother = len('a')\nflag = True"
    (tmp_path / "n.ipynb").write_text(notebook(tagged=tagged))
    flow = load_notebook(tmp_path / "n.ipynb").flow
    assert flow is not None
    assert [(each.name, each.type, each.default) for each in flow.parameters] == [
        ("x", "int", "1"), ("y", "float", "0.5"), ("name", "str", '"a"'), ("items", "json", "[1]"),
        ("none", "any", None), ("flag", "bool", "true"),
    ]  # fmt: skip


WRONG = [
    ("smal.ipynb", "there is no notebook smal.ipynb", "did you mean 'small.ipynb'?"),
    ("text.ipynb", "the notebook text.ipynb cannot run: it is not JSON", "save it in Jupyter"),
    (
        "r.ipynb",
        "cannot run: its language is R, and only notebooks in Python can run",
        "choose a kernel for Python in Jupyter",
    ),
    ("old.ipynb", "it is not a notebook, which is JSON with `nbformat` and `cells`", "save it in Jupyter"),
]


@pytest.mark.parametrize(("name", "message", "hint"), WRONG, ids=[case[0] for case in WRONG])
def test_a_wrong_notebook_is_reported_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str, hint: str
) -> None:
    (tmp_path / "small.ipynb").write_text(notebook())
    (tmp_path / "text.ipynb").write_text("x = 1")
    (tmp_path / "r.ipynb").write_text(notebook(language="R"))
    (tmp_path / "old.ipynb").write_text("{}")
    monkeypatch.chdir(tmp_path)
    loaded = load_pipeline(NotebookTask(notebook=name).as_pipeline(), home=(tmp_path, "pipeline.py"))
    (fault,) = loaded.diagnostics
    assert fault.code == "bad-action"
    assert message in fault.message
    assert hint in fault.hint


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebook_steps, "find_spec", lambda name: None if name == "nbclient" else object())
    unused: Any = None
    action = notebook_steps.Notebook(file="n.ipynb")
    with pytest.raises(notebook_steps.NotebookError, match=r"n.ipynb needs nbclient .*pip install 'flowc\[notebook\]'"):
        notebook_steps.run_notebook(unused, unused, action, unused, "")


def test_what_a_notebook_reads() -> None:
    source = read_notebook(notebook("%matplotlib inline\n!ls\nprint(a + b)", "%%bash\necho $c", "broken (").encode())
    assert source.defaults == {}
    assert source.used == {"print", "a", "b"}
    source = read_notebook(notebook("c", tagged="a = b = 1\nf = open('x')").encode())
    assert source.defaults == {"a": Default(True, 1), "b": Default(True, 1), "f": Default(False)}
    with pytest.raises(NotebookSourceError, match="it is not JSON"):
        read_notebook(b"{")


def test_the_error_of_a_failed_cell_shows_neither_the_notebooks_json_nor_a_whole_long_line(notebooks: Project) -> None:
    notebooks.write("long.ipynb", json.dumps(json.loads(notebook(f"1 / 0  # {'x' * 5000}", tagged="n = 1"))))
    failed = notebooks.flowc("run", "--local", "long.ipynb")
    ending = failed.err[failed.err.index("error: step 'long' failed") :]
    assert "code cell 2, line 1 (`1 / 0  # xxx" in ending
    assert "  --> long.ipynb:1 in long\nlog: " in ending
    assert max(map(len, ending.splitlines())) < 400


def test_the_error_of_a_failed_function_shows_the_beginning_of_a_long_line(project: Project) -> None:
    project.write("long.py", f"def f(): raise ValueError('no', '{'x' * 5000}'[:2])")
    failed = project.flowc("run", "--local", "long.py:f")
    ending = failed.err[failed.err.index("error: step 'f' failed") :]
    assert "1 | def f(): raise ValueError('no', 'xxx" in ending
    assert max(map(len, ending.splitlines())) < 200


def test_a_notebook_of_another_format_is_refused_with_the_command_that_converts_it(project: Project) -> None:
    project.write("old.ipynb", '{"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": []}')
    done = project.flowc("check", "old.ipynb")
    assert done.code == 1
    assert "the notebook old.ipynb cannot run: its format is 3, and only notebooks of format 4 can run" in done.err
    assert "or convert it: jupyter nbconvert --to notebook --inplace old.ipynb" in done.err
    project.write("other.ipynb", '{"cells": []}')
    assert (
        "it is not a notebook, which is JSON with `nbformat` and `cells`" in project.flowc("check", "other.ipynb").err
    )
