"""Pipelines in YAML, as a list or a graph of steps, are lowered to the same flow as Python code, run, and fully
checked."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flowc.frontends.pipeline.lower_pipeline import load_pipeline
from flowc.frontends.yaml.yaml_loading import load_yaml
from flowc.pipeline import (
    Catalog,
    Conditional,
    Loop,
    Map,
    NotebookTask,
    Parallel,
    Pipeline,
    PythonTask,
    ShellTask,
    Stub,
    metric,
    pickled,
)
from flowc.pipeline import (
    json as json_,
)
from flowc_ir import schema

if TYPE_CHECKING:
    from flowc.frontends.loaded import Loaded
    from flowc_ir import Flow
    from project import Project

LIST = """
    name: all
    description: every kind of step
    parameters: {rows: 1000, region: null}
    steps:
      - python: statistics.multimode
        name: load
        returns: [sizes, {table: pickled}, {name: seconds, kind: metric}]
        retry: {times: 3, wait: 30s}
        timeout: 1h30m
        resources: {cpu: 0.5, memory: 4Gi, gpu: 1, disk: 10Gi, shared_memory: 64}
        environment: {LEVEL: 012, MODE: on}
        catalog: {put: ["*.csv", out/**], store_copy: false}
      - map: sizes
        name: models
        as: size
        reducer: {loss: max}
        steps:
          - {python: "statistics:mean", name: train, returns: {loss: metric, model: pickled}}
      - parallel:
          left: [{shell: make left, name: make_left, retry: 2}]
          right: [{notebook: books/report.ipynb}]
        name: both
      - loop: 10
        name: again
        until: done
        as: i
        steps:
          - {shell: make more, name: more, returns: [done]}
      - if: done
        name: choose
        is:
          3: [{stub: three}]
          true: [{stub: yes_branch}]
          many: [{stub: many}]
        else: [{stub: other}]
      - python: builtins.len
        name: last
        catalog: {get: ["*.csv"]}
        secrets: [TOKEN]
        on_failure: [{python: builtins.print, name: tell}]
      - fail
    """
DAG = """
    name: all
    description: every kind of step
    parameters: {rows: 1000, region: null}
    dag:
      start_at: load
      steps:
        load:
          type: task
          command_type: python
          command: statistics.multimode
          returns: [{name: sizes}, {name: table, kind: object}, {name: seconds, kind: metric}]
          retry: {times: 3, wait: 30s}
          timeout: 1h30m
          resources: {cpu: 0.5, memory: 4Gi, gpu: 1, disk: 10Gi, shared_memory: 64}
          environment: {LEVEL: 012, MODE: on}
          catalog: {put: ["*.csv", out/**], store_copy: false}
          next: models
        models:
          type: map
          iterate_on: sizes
          iterate_as: size
          reducer: {loss: max}
          next: both
          branch:
            start_at: train
            steps:
              train:
                type: task
                command: statistics:mean
                returns: [{name: loss, kind: metric}, {name: model, kind: object}]
                next: success
              success: {type: success}
              fail: {type: fail}
        both:
          type: parallel
          next: again
          branches:
            left:
              start_at: make_left
              steps:
                make_left: {type: task, command_type: shell, command: make left, max_attempts: 3, next: done}
                done: {type: success}
            right:
              start_at: report
              steps: {report: {type: task, command_type: notebook, command: books/report.ipynb, next: success}}
        again:
          type: loop
          max_iterations: 10
          break_on: done
          index_as: i
          next_node: choose
          branch:
            start_at: more
            steps:
              more: {type: task, command_type: shell, command: make more, returns: [{name: done}], next: success}
        choose:
          type: conditional
          parameter: done
          next: last
          branches:
            3: {start_at: three, steps: {three: {type: stub, next: success, anything: goes}}}
            true: {start_at: yes_branch, steps: {yes_branch: {type: stub, next: success}}}
            many: {start_at: many, steps: {many: {type: stub, next: success}}}
          default: {start_at: other, steps: {other: {type: stub, next: success}}}
        last: {type: task, command: builtins.len, catalog: {get: ["*.csv"]}, secrets: [TOKEN], on_failure: tell, next: broken}
        tell: {type: task, command: builtins.print, next: success}
        broken: {type: fail}
    """


def alone(step: Any) -> Pipeline:
    return Pipeline(steps=[step])


def in_python() -> Pipeline:
    load = PythonTask(
        name="load",
        function="statistics.multimode",
        returns=["sizes", pickled("table"), metric("seconds")],
        retry={"times": 3, "wait": "30s"},
        timeout="1h30m",
        resources={"cpu": 0.5, "memory": "4Gi", "gpu": 1, "disk": "10Gi", "shared_memory": 64},
        environment={"LEVEL": "012", "MODE": "on"},
        catalog=Catalog(put=["*.csv", "out/**"], store_copy=False),
    )
    train = PythonTask(name="train", function="statistics:mean", returns=[metric("loss"), pickled("model")])
    return Pipeline(
        name="all",
        description="every kind of step",
        parameters={"rows": 1000, "region": None},
        steps=[
            load,
            Map(name="models", iterate_on="sizes", iterate_as="size", branch=alone(train), reducer={"loss": "max"}),
            Parallel(
                name="both",
                branches={
                    "left": alone(ShellTask(name="make_left", command="make left", retry=2)),
                    "right": alone(NotebookTask(notebook="books/report.ipynb")),
                },
            ),
            Loop(
                name="again",
                max_iterations=10,
                break_on="done",
                index_as="i",
                branch=alone(ShellTask(name="more", command="make more", returns=[json_("done")])),
            ),
            Conditional(
                name="choose",
                parameter="done",
                branches={
                    3: alone(Stub(name="three")),
                    True: alone(Stub(name="yes_branch")),
                    "many": alone(Stub(name="many")),
                },
                default=alone(Stub(name="other")),
            ),
            PythonTask(
                name="last",
                function="builtins.len",
                catalog=Catalog(get=["*.csv"]),
                secrets=["TOKEN"],
                terminate_with_failure=True,
                on_failure=alone(PythonTask(name="tell", function="builtins.print")),
            ),
        ],
    )


def add_notebook(directory: Path, name: str) -> None:
    """Write an empty notebook to the directory `books`."""
    path = directory / "books" / f"{name}.ipynb"
    path.parent.mkdir()
    path.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}', encoding="utf-8")


def written(directory: Path, text: str, name: str = "pipeline.yaml") -> Loaded:
    path = directory / name
    lines = text.strip("\n").splitlines()
    indent = len(lines[0]) - len(lines[0].lstrip())
    path.write_text("\n".join(line[indent:] for line in lines) + "\n", encoding="utf-8")
    return load_yaml(path)


def flow_of(loaded: Loaded) -> Flow:
    assert loaded.flow is not None, loaded.diagnostics
    return loaded.flow


def without_places(flow: Flow) -> Any:
    """Return the IR as JSON without the parts that YAML lacks: positions, code, and help of parameters."""

    def cleaned(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: cleaned(each) for name, each in value.items() if name not in ("where", "code")}
        return [cleaned(each) for each in value] if isinstance(value, list) else value

    return cleaned(json.loads(schema.dumps(flow)))


@pytest.mark.parametrize("text", [LIST, DAG], ids=["list", "dag"])
def test_both_forms_are_the_flow_of_the_python_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    # simulate an interactive session, where `__main__` has no `__file__`
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    monkeypatch.chdir(tmp_path)
    add_notebook(tmp_path, "report")
    expected = flow_of(load_pipeline(in_python()))
    assert without_places(flow_of(written(tmp_path, text))) == without_places(expected)


def test_places_are_those_of_the_steps(tmp_path: Path) -> None:
    flow = flow_of(written(tmp_path, "steps:\n  - {stub: a}\n  - shell: make\n    name: b\n"))
    assert [str(node.where) for node in flow.nodes] == ["pipeline.yaml:2:5", "pipeline.yaml:3:5"]
    flow = flow_of(written(tmp_path, "dag:\n  start_at: a\n  steps:\n    a: {type: stub, next: success}\n"))
    assert [str(node.where) for node in flow.nodes] == ["pipeline.yaml:4:5"]
    assert flow.name == "pipeline"


def test_names_are_made_of_the_work(tmp_path: Path) -> None:
    add_notebook(tmp_path, "explore")
    flow = flow_of(
        written(
            tmp_path,
            """
            steps:
              - shell: /usr/bin/make report
              - shell: make other
              - python: statistics.mean
              - notebook: books/explore.ipynb
              - stub: wait here
              - if: ready
                then: [shell: make it]
            """,
        )
    )
    assert {node.id for node in flow.nodes} == {
        "make", "make_2", "if_ready_make", "mean", "explore", "wait_here", "else", "end",
    }  # fmt: skip


def test_then_without_else_skips(tmp_path: Path) -> None:
    flow = flow_of(written(tmp_path, "steps:\n  - if: x\n    then: [{stub: a}]\n  - {stub: b}\n"))
    assert {node.id for node in flow.nodes} == {"if_x", "a", "else", "b"}


def test_a_handler_may_serve_several_steps(tmp_path: Path) -> None:
    flow = flow_of(
        written(
            tmp_path,
            """
            dag:
              start_at: a
              steps:
                a: {type: stub, next: b, on_failure: h}
                b: {type: stub, next: success, on_failure: h}
                h: {type: stub, next: fail}
            """,
        )
    )
    assert len([node for node in flow.nodes if node.id.endswith("h")]) == 2
    assert len([node for node in flow.nodes if "fails" in node.id]) == 2


def test_aliases_and_merges(tmp_path: Path) -> None:
    flow = flow_of(
        written(
            tmp_path,
            """
            steps:
              - &base {shell: make, name: one, retry: 2, timeout: 60}
              - {<<: *base, name: two, retry: 1}
            """,
        )
    )
    one, two = flow.nodes
    assert (one.retry, two.retry) != (None, None)
    assert one.retry is not None and one.retry.times == 2
    assert two.retry is not None and two.retry.times == 1
    assert one.timeout == two.timeout


TEXTS = [("2024-01-01", "2024-01-01"), ("on", "on"), ("1:30", "1:30"), ('"012"', "012"), ("no", "no")]


@pytest.mark.parametrize(("given", "text"), TEXTS)
def test_a_text_that_only_yaml_1_1_reads_otherwise_stays_a_text(tmp_path: Path, given: str, text: str) -> None:
    (node,) = flow_of(written(tmp_path, f"steps:\n  - shell: {given}\n    name: x\n")).nodes
    assert getattr(node.run, "command") == text  # noqa: B009


REFUSED = [
    ("shell: 12", 'quote it: "12"'),
    ("shell: true", 'quote it: "true"'),
    ("shell: 012", 'quote it: "012"'),
    ("shell:", "write a shell command, or `stub: NAME`"),
    ("shell: x, timeout: 012", "write 12"),
    ("shell: x, environment: {A: }", 'write a string; "" is the empty one'),
    ("stub: a, command: x", "write shell: COMMAND, or python: package.module.function"),
    ("map: xs, iterate_as: x, steps: [{stub: a}]", "write as: NAME"),
    ("parallel: {1: [{stub: b}]}", 'quote it: "1"'),
]


@pytest.mark.parametrize(("step", "hint"), REFUSED, ids=[step for step, _ in REFUSED])
def test_a_fault_has_a_place_and_a_hint(tmp_path: Path, step: str, hint: str) -> None:
    loaded = written(tmp_path, f"steps:\n  - {{{step}}}\n")
    assert loaded.flow is None
    assert any(fault.hint is not None and hint in fault.hint for fault in loaded.diagnostics), loaded.diagnostics
    assert all(fault.span.line == 2 and fault.span.column > 1 for fault in loaded.diagnostics)


UNREADABLE = [
    (b"", "pipeline.yaml is empty"),
    (b"steps: [\xff]", "pipeline.yaml is not UTF-8"),
    (b"a: 1\n---\nb: 2\n", "it has several documents"),
    (b"steps: &a\n  - *a\n", "an alias contains itself"),
    (b"- 1\n", "is a list, not a pipeline"),
    (b"steps: \x00\n", "is not valid YAML"),
    (b"? [a]\n: b\n", "a key is a list or a mapping"),
    (b"start_at: a\n", "has no key 'dag'"),
    (b"job: {}\n", "has neither 'steps' nor 'dag'"),
    (b"steps:\n  - !!python/object:os.system {}\n", "the tag !!python/object:os.system has no meaning here"),
    (b"steps: " + b"[" * 5000, "is not valid YAML: it is nested too deeply"),
]


@pytest.mark.parametrize(("content", "message"), UNREADABLE, ids=[message for _, message in UNREADABLE])
def test_a_file_that_is_no_pipeline(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "pipeline.yaml").write_bytes(content)
    loaded = load_yaml(tmp_path / "pipeline.yaml")
    assert loaded.flow is None
    assert any(message in fault.message for fault in loaded.diagnostics), loaded.diagnostics


def test_aliases_of_aliases_end(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    (tmp_path / "pipeline.yaml").write_text("\n".join(lines))
    (fault, *_) = load_yaml(tmp_path / "pipeline.yaml").diagnostics
    assert "an alias makes more than 100,000 values" in fault.message


# -- runs --------------------------------------------------------------------------------------------------------------

STEPS = """
    def load(rows: int = 3): return list(range(rows)), {"size": rows}
    def train(size, table): return size * table["size"]
    def best(loss): return max(loss)
    def grow(total=0): return total + 5, total + 5 >= 20
    def boom(): raise ValueError("boom")
    def handle(error): return error.exception
    """
RUN = """
    name: run
    steps:
      - python: steps.load
        returns: [sizes, {table: pickled}]
      - map: sizes
        as: size
        steps:
          - python: steps.train
            returns: [loss]
      - python: steps.best
        returns: [top]
      - loop: 10
        until: done
        steps:
          - python: steps.grow
            returns: [total, done]
      - if: done
        then:
          - python: steps.boom
            on_failure:
              - python: steps.handle
                returns: [how]
    """


def test_runs_with_parameters_and_resumes(project: Project) -> None:
    project.write("steps.py", STEPS)
    project.write("run.yaml", RUN)
    run = project.run("run.yaml", "--rows", "4")
    assert run.flow == "run"
    values = project.artifacts(run, "end")
    assert {name: values[name] for name in ("loss", "top", "total", "how")} == {
        "loss": [0, 4, 8, 12], "top": 12, "total": 20, "how": "boom",
    }  # fmt: skip
    done = project.flowc("resume", "run.yaml")
    assert done.code == 0, done.err
    assert "reused" in done.err + done.out


def test_a_failed_run_is_retried_by_the_name_of_nothing(project: Project) -> None:
    project.write("steps.py", STEPS)
    project.write("run.yml", "steps:\n  - python: steps.load\n    returns: [a, b]\n  - python: steps.boom\n")
    assert project.flowc("run", "--local", "run.yml").code == 1
    project.write("steps.py", STEPS.replace('raise ValueError("boom")', "return 1"))
    done = project.flowc("retry")
    assert done.code == 0, done.err
    assert "reused 1 task" in done.err + done.out


def test_check_compile_and_ir(project: Project) -> None:
    project.write("steps.py", STEPS)
    project.write("run.yaml", RUN)
    assert project.flowc("check", "run.yaml").out == "run: 10 steps, no faults\n"
    compiled = project.flowc("compile", "run.yaml")
    assert compiled.code == 0, compiled.err
    assert "kind: WorkflowTemplate" in compiled.out
    project.write("ir.json", project.flowc("ir", "run.yaml").out)
    done = project.flowc("run", "--local", "ir.json", "--rows", "2")
    assert done.code == 0, done.err


def test_modules_of_the_working_directory(project: Project) -> None:
    """The root of the code is the nearest directory that contains the modules.

    flowc searches the file's directory and its parents, up to the working directory.
    """
    project.write("src/steps.py", STEPS)
    project.write("steps/__init__.py", STEPS)
    project.write("pipelines/daily/run.yaml", RUN)
    flow = json.loads(project.flowc("ir", "pipelines/daily/run.yaml").out)
    assert flow["code"]["file"] == "pipelines/daily/run.yaml"
    project.run("pipelines/daily/run.yaml")


def test_faults_in_the_forms_of_programs(project: Project) -> None:
    project.write("bad.yaml", "steps:\n  - pyhton: steps.load\n")
    done = project.flowc("check", "--error-format", "json", "bad.yaml")
    assert done.code == 1
    fault = json.loads(done.out)
    assert (fault["code"], fault["place"]["file"], fault["place"]["line"], fault["place"]["column"]) == (
        "yaml-key", "bad.yaml", 2, 5,
    )  # fmt: skip
    assert fault["hint"] == "did you mean 'python'?"


def test_without_pyyaml(project: Project) -> None:
    project.write("run.yaml", RUN)
    project.write("yaml.py", "raise ModuleNotFoundError('no yaml')")
    done = project.flowc("check", "run.yaml", PYTHONPATH=f"{project.root}:{project.environment['PYTHONPATH']}")
    assert done.code == 2
    assert done.err == "error: 'run.yaml' is YAML, which PyYAML reads\nhint: pip install 'flowc[yaml]'\n"


def test_files_with_suffixes_travel(project: Project) -> None:
    project.write("steps.py", STEPS)
    project.write("run.yaml", RUN)
    project.write("pipe.py", """
        from flowc.pipeline import Pipeline, PythonTask
        pipe = Pipeline(steps=[PythonTask(function="steps.load")])
        """)  # fmt: skip
    project.write("query.sql", "select 1")
    for file in ("run.yaml", "pipe.py"):
        assert "select 1" not in project.flowc("compile", file).out
        done = project.flowc("compile", "--package-suffixes", ".sql", file)
        assert "select 1" in done.out, done.err


def test_shell_alone(project: Project) -> None:
    project.write("words.yaml", r"""
        parameters: {text: a b c, limit: 2}
        steps:
          - shell: |
              set -eu
              export count=$(echo "$text" | wc -w)  # of the parameter
              export items='["x", "a.b"]'
              if [ "$FLAKY" = yes ] && [ ! -e tried ]; then touch tried; exit 3; fi
            name: count
            returns: [count, items]
            retry: 1
            environment: {FLAKY: yes}
          - map: items
            as: item
            steps:
              - {shell: "export size=${#item}", name: measure, returns: [size]}
          - loop: 5
            until: big
            as: i
            steps:
              - shell: if [ "$i" -ge "$limit" ]; then export big=true; else export big=false; fi
                name: grow
                returns: [big]
          - if: count
            is:
              4: [{shell: "export label=four", name: four, returns: [label]}]
            else: [{shell: "exit 3", name: other}]
          - shell: tail -f /dev/null
            name: slow
            timeout: 1
            on_failure:
              - {shell: "export how=$(echo \"$error\" | grep -ci timeout)", name: tidy, returns: [how]}
        """)  # fmt: skip
    run = project.run("words.yaml", "--text", "a b c d")
    values = project.artifacts(run, "end")
    assert {name: values[name] for name in ("count", "items", "size", "big", "label", "how")} == {
        "count": 4, "items": ["x", "a.b"], "size": [1, 3], "big": True, "label": "four", "how": 1,
    }  # fmt: skip
    assert run.task("count", "0")["attempt"] == 2


def test_an_override_is_named_by_a_string_or_by_executor(tmp_path: Path) -> None:
    text = "steps:\n  - {shell: make, name: a, overrides: {argo: big}}\n  - {shell: make, name: b, overrides: big}\n"
    flow = written(tmp_path, text).flow
    assert flow is not None
    assert [node.override for node in flow.nodes] == ["big", "big"]


def test_two_overrides_of_a_step_are_a_fault_at_their_place(tmp_path: Path) -> None:
    text = "steps:\n  - shell: make\n    name: a\n    overrides: {argo: big, local: small}\n"
    (fault,) = written(tmp_path, text).diagnostics
    assert "but a step has one override for all executors: write overrides='big'" in fault.message
    assert str(fault.span).startswith("pipeline.yaml:")


def test_faults_of_the_form_come_first_and_those_of_functions_together(tmp_path: Path) -> None:
    (tmp_path / "prices.py").write_text("x = 1\n")
    functions = "{python: prices.nope}, {python: nope.x}, {python: prices}"
    (form,) = written(tmp_path, f"steps: [{functions}, {{python: 3}}]").diagnostics
    assert "3" in form.message
    found = written(tmp_path, f"steps: [{functions}]").diagnostics
    assert [fault.span.column for fault in found] == sorted(fault.span.column for fault in found)
    assert len(found) == 3


@pytest.mark.parametrize(
    ("step", "what", "hint"),
    [
        ('shell: ""', "shell of step 'job'", "write a shell command, or `stub: NAME` for a step that does nothing"),
        ("shell:", "shell of step 'job'", "write a shell command, or `stub: NAME` for a step that does nothing"),
        ('python: " "', "python of step ' '", "write a function, such as package.module.function"),
        ('notebook: ""', "notebook of step 'job'", "write the path of a notebook, such as report.ipynb"),
        ('stub: ""', "stub of step 'stub'", "write the name of a step"),
    ],
)
def test_an_empty_text_is_called_empty(project: Project, step: str, what: str, hint: str) -> None:
    project.write("empty.yaml", f"steps:\n  - {step}\n")
    done = project.flowc("check", "empty.yaml")
    assert done.code == 1
    assert f"{what} is empty\n" in done.err
    assert f"hint: {hint}\n" in done.err


def test_a_loop_that_nothing_ends_is_reported_at_its_key(project: Project) -> None:
    project.write("loop.yaml", """
        steps:
          - loop: 3
            until: dine
            steps: [{shell: export done=true, returns: [done]}]
        """)  # fmt: skip
    done = project.flowc("check", "loop.yaml")
    assert (done.code, "loop.yaml:3:12" in done.err, "hint: did you mean 'done'?" in done.err) == (1, True, True), (
        done.err
    )
