"""Local runs of pipelines: composites, failures, and programs that call `execute`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from project import Finished, Project

STEPS = """
    import os
    import statistics
    from dataclasses import dataclass

    @dataclass
    class Point:
        x: int

    def base(k: int = 2): return k * 10
    def left(base): return base + 1
    def right(base): return base + 2
    def both(a, b, base): return a + b + base
    def grow(total=0, i=None):
        assert os.environ["i"] == str(i)
        return total + 5, total + 5 >= 20, i
    def size(total): return "big" if total > 10 else "small"
    def big(): return "BIG"
    def small(): return "SMALL"
    def rows(): return [[1, 2], [3], []]
    def times(x, row, base): return x * base
    def point(): return Point(3)
    def use(point: Point): return point.x
    def boom(): raise ValueError("boom")
    def handle(error): return f"handled {error.exception}"
    def divide(row): return 6 / len(row)
    def same(part): return part
    def numbers(): return [0.5, 1, "a.csv", {"x": 1}, 1, 1]
    def kind(item): return type(item).__name__
    def none(): return []
    def ninth(values): return values[9]
    """
PIPELINES = """
    from flowc.pipeline import Conditional, Loop, Map, Parallel, Pipeline, PythonTask, Stub, pickled
    import steps

    def T(name, *returns, **more):
        return PythonTask(name=name, function=getattr(steps, name), returns=list(returns), **more)

    def P(*parts):
        return Pipeline(steps=[*parts])

    composites = Pipeline(name="composites", steps=[
        T("base", "base"),
        Parallel(name="par", branches={"l": P(T("left", "a")), "r": P(T("right", "b"))}),
        T("both", "sum"),
        Loop(name="loop", branch=P(T("grow", "total", "done", "last")), max_iterations=10, break_on="done", index_as="i"),
        T("size", "size"),
        Conditional(name="cond", parameter="size", branches={"big": P(T("big", "label")), "small": P(T("small", "label"))}),
        T("rows", "rows"),
        Map(name="outer", iterate_on="rows", iterate_as="row", branch=P(
            Map(name="inner", iterate_on="row", iterate_as="x", branch=P(T("times", "m"))))),
        T("point", "point"),
        T("use", "px"),
    ])
    items = Pipeline(name="items", steps=[
        T("numbers", "xs"), Map(name="m", branch=P(T("kind", "kinds")), iterate_on="xs", iterate_as="item"),
    ])
    empty = Pipeline(name="empty", steps=[
        T("base", "base"), T("none", "xs"),
        Map(name="m", branch=P(T("kind", "kinds")), iterate_on="xs", iterate_as="item"), T("left", "after"),
    ])
    reduced = Pipeline(name="reduced", steps=[
        T("rows", "rows"),
        Map(name="m", branch=P(PythonTask(name="n", function="builtins.len", returns=["n"]), T("divide", "part")) if 0 else
            P(PythonTask(name="n", function=lambda row: (len(row), sum(row)), returns=["n", "s"])),
            iterate_on="rows", iterate_as="row", reducer={"n": "statistics.mean", "s": "lambda *x: max(x)"}),
    ])
    stopped = Pipeline(name="stopped", steps=[
        Loop(name="l", branch=P(T("grow", "total", "done", "last")), max_iterations=2, break_on="done", index_as="i"),
    ])
    failing = Pipeline(name="failing", steps=[
        T("base", "base"), T("boom", on_failure=P(T("handle", "how"))), T("left", "after"),
    ])
    failing_map = Pipeline(name="failing_map", steps=[
        T("rows", "rows"),
        Map(name="m", iterate_on="rows", iterate_as="row", branch=P(T("divide", "part"), T("same", "again")),
            on_failure=P(T("handle", "how"))),
        Stub(name="after"),
    ])
    failing_branch = Pipeline(name="failing_branch", steps=[
        Parallel(name="p", branches={"a": P(T("boom", "x")), "b": P(T("big", "y"))}, on_failure=P(T("handle", "how"))),
        Stub(name="after"),
    ])
    inner_failures = Pipeline(name="inner_failures", parameters={"size": "big"}, steps=[
        Conditional(name="c", parameter="size", default=P(Stub(name="other")), branches={
            "big": P(T("boom", on_failure=P(T("handle", "how"))), T("big", "label"))}),
        Loop(name="l", max_iterations=2, break_on="done", index_as="i", branch=P(
            T("boom", on_failure=P(T("handle", "how"))), T("grow", "total", "done", "last"))),
        T("small", "after"),
    ])
    fails = Pipeline(name="fails", steps=[T("base", "base", terminate_with_failure=True)])

    def H():
        return P(T("handle", "how"))

    def M(over, **more):
        return Map(name="m", iterate_on=over, iterate_as="item", branch=P(T("kind", "kinds")), **more)

    def C(**more):
        return Conditional(name="c", parameter="base", branches={"x": P(T("big", "label")), "y": P(Stub(name="s"))}, **more)

    own_reducer = Pipeline(name="own_reducer", steps=[
        T("numbers", "xs"), M("xs", reducer="steps.ninth", on_failure=H()), T("none", "after"),
    ])
    own_items = Pipeline(name="own_items", steps=[T("base", "base"), M("base", on_failure=H()), T("none", "after")])
    own_branch = Pipeline(name="own_branch", steps=[T("base", "base"), C(on_failure=H()), T("none", "after")])
    own_only = Pipeline(name="own_only", steps=[
        T("base", "base"),
        Conditional(name="c", parameter="base", branches={"x": P(T("big", "label"))}, on_failure=H()), T("none", "after"),
    ])
    own_inner = Pipeline(name="own_inner", steps=[  # the handler is that of the composite around
        T("base", "base"), T("numbers", "xs"),
        Map(name="o", iterate_on="xs", iterate_as="item", branch=P(M("base")), on_failure=H()), T("none", "after"),
    ])
    own_parallel = Pipeline(name="own_parallel", steps=[
        T("base", "base"),
        Parallel(name="p", branches={"a": P(C()), "b": P(T("left", "a"))}, on_failure=H()), T("none", "after"),
    ])
    own_failed = Pipeline(name="own_failed", steps=[  # the failure of the items comes before that of the reducer
        T("numbers", "xs"),
        Map(name="m", iterate_on="xs", iterate_as="item", branch=P(T("boom", "x")), reducer="max", on_failure=H()),
        T("none", "after"),
    ])
    own_well = Pipeline(name="own_well", steps=[
        T("rows", "rows"), M("rows", reducer="len", on_failure=H()),
        Conditional(name="c", parameter="kinds", branches={3: P(T("big", "label"))}, on_failure=H()), T("none", "after"),
    ])
    """
OWN_FAULTS = {
    "own_reducer": "the reducer ninth of 'kinds' failed on 6 values: IndexError: list index out of range",
    "own_items": "cannot map over 'base': it is 20 (int), not a list",
    "own_branch": "'base' is 20, but the branches are 'x', 'y'",
    "own_only": "'base' is 20, but the only branch is 'x'",
    "own_inner": "cannot map over 'base': it is 20 (int), not a list",
    "own_parallel": "'base' is 20, but the branches are 'x', 'y'",
    "own_failed": "boom",
}
"""Pipelines that fail in a composite node itself, not in a task: name -> error message."""


@pytest.fixture
def pipelines(project: Project) -> Project:
    project.write("steps.py", STEPS)
    project.write("pipelines.py", PIPELINES)
    return project


def outputs(project: Project, name: str) -> dict[str, Any]:
    """Run a pipeline by its name; return the values at its end."""
    program = f"import pipelines, json; print('OUT', json.dumps(pipelines.{name}.execute().outputs))"
    done = project.python("-c", program)
    assert done.code == 0, done.err
    (line,) = (line for line in done.out.splitlines() if line.startswith("OUT "))
    values: dict[str, Any] = json.loads(line[4:])
    return values


def test_all_composites(pipelines: Project) -> None:
    values = outputs(pipelines, "composites")
    assert values.pop("rows") == [[1, 2], [3], []]
    assert values == {
        "base": 20, "a": 21, "b": 22, "sum": 63, "total": 20, "done": True, "last": 3, "size": "big", "label": "BIG",
        "m": [[20, 40], [60], []], "point": {"x": 3}, "px": 3,
    }  # fmt: skip


def test_items_keep_their_types_order_and_duplicates(pipelines: Project) -> None:
    assert outputs(pipelines, "items")["kinds"] == ["float", "int", "str", "dict", "int", "int"]


def test_an_empty_map_keeps_what_was_before_it(pipelines: Project) -> None:
    values = outputs(pipelines, "empty")
    assert (values["kinds"], values["after"]) == ([], 21)


def test_reducers(pipelines: Project) -> None:
    values = outputs(pipelines, "reduced")
    assert (values["n"], values["s"]) == (1, 3)


def test_each_function_has_its_own_default(pipelines: Project) -> None:
    done = pipelines.python("-c", (
        "from flowc.pipeline import Pipeline, PythonTask\n"
        "a = PythonTask(name='a', function=lambda x=1: x, returns=['a'])\n"
        "b = PythonTask(name='b', function=lambda x=2: x, returns=['b'])\n"
        "print(Pipeline(name='p', steps=[a, b]).run().outputs, Pipeline(name='p', steps=[a, b]).run({'x': 5}).outputs)"
    ))  # fmt: skip
    assert done.code == 0, done.err
    assert done.out.splitlines() == ["{'a': 1, 'b': 2} {'a': 5, 'b': 5}"]


def test_a_handler_ends_the_branch_or_the_iteration_around_it(pipelines: Project) -> None:
    assert outputs(pipelines, "inner_failures") == {"how": "handled boom", "after": "SMALL", "total": 0}


def test_a_loop_ends_after_its_last_iteration(pipelines: Project) -> None:
    values = outputs(pipelines, "stopped")
    assert (values["total"], values["done"], values["last"]) == (10, False, 1)


@pytest.mark.parametrize(
    ("name", "text"),
    [("failing", "handled boom"), ("failing_map", "handled division by zero"), ("failing_branch", "handled boom")],
)
def test_a_failure_is_handled_and_the_rest_does_not_run(pipelines: Project, name: str, text: str) -> None:
    assert outputs(pipelines, name)["how"] == text
    run = pipelines.store.run(name, pipelines.store.runs(name)[-1])
    assert "after" not in run.steps()
    assert "left" not in run.steps()


@pytest.mark.parametrize("name", OWN_FAULTS)
def test_a_handler_gets_the_failure_of_the_composite_itself(pipelines: Project, name: str) -> None:
    values = outputs(pipelines, name)
    assert values["how"] == f"handled {OWN_FAULTS[name]}"
    assert "after" not in values


def test_composites_with_handlers_that_do_not_fail(pipelines: Project) -> None:
    values = outputs(pipelines, "own_well")
    assert (values["kinds"], values["label"], values["after"]) == (3, "BIG", [])
    assert "how" not in values
    done = pipelines.flowc("run", "--mock", "pipelines.py:own_well")
    assert done.code == 0, done.err
    assert "mocked m_check: nothing ran" in done.err


def test_a_pipeline_that_ends_with_failure_fails(pipelines: Project) -> None:
    done = pipelines.flowc("run", "--local", "pipelines.py:fails")
    assert done.code == 1
    assert "the pipeline ends with a failure here, as its author specified" in done.err


def test_a_function_alone_is_a_flow(pipelines: Project) -> None:
    assert pipelines.flowc("run", "--local", "steps.py:base", "--k", "4").code == 0
    run = pipelines.latest()
    assert pipelines.artifacts(run, "base")["result"] == 40
    help_text = pipelines.flowc("run", "--local", "steps:base", "--help")
    assert "--k INTEGER" in help_text.out
    assert "[default: 2]" in help_text.out


def test_a_wrong_name_is_told_with_the_right_ones(pipelines: Project) -> None:
    done = pipelines.flowc("run", "--local", "pipelines.py:compsites")
    assert done.code == 1
    assert "has no flow 'compsites'" in done.err
    several = pipelines.flowc("run", "--local", "pipelines.py")
    assert several.code == 1
    assert "pipelines.py defines several pipelines: composites, items" in several.err


def program(project: Project, text: str, *words: str) -> Finished:
    project.write("program.py", text)
    return project.python("program.py", *words)


def test_a_program_executes_pipelines_twice_from_functions_with_arguments(pipelines: Project) -> None:
    done = program(pipelines, """
        import steps
        from flowc.pipeline import Pipeline, PythonTask

        def add(x: int, y: int = 1) -> int:
            return x + y

        def main(start, name):
            factor = 3
            pipeline = Pipeline(name=name, steps=[
                PythonTask(name="add", function=add, returns=["sum"]),
                PythonTask(name="scale", function=lambda sum: sum * factor, returns=["scaled"]),
            ])
            done = pipeline.execute(parameters={"x": start})
            print(done.status, done.flow, done["scaled"], done.run.successful)

        if __name__ == "__main__":
            main(1, "first")
            main(5, "second")
        """)  # fmt: skip
    assert done.code == 0, done.err
    assert done.out.splitlines() == ["succeeded first 6 True", "succeeded second 18 True"]


def test_a_program_with_threads_executes_pipelines(pipelines: Project) -> None:
    done = program(pipelines, """
        import threading
        from flowc.pipeline import Pipeline, PythonTask

        def number() -> int:
            return 4

        if __name__ == "__main__":
            end = threading.Event()
            threading.Thread(target=end.wait).start()
            try:
                local = 10
                pipeline = Pipeline(name="threads", steps=[
                    PythonTask(name="number", function=number, returns=["n"]),
                    PythonTask(name="more", function=lambda n: n + local, returns=["m"]),
                ])
                print(pipeline.execute()["m"])
            finally:
                end.set()
        """)  # fmt: skip
    assert done.code == 0, done.err
    assert done.out.splitlines() == ["14"]


def test_an_interactive_session_executes_pipelines(pipelines: Project) -> None:
    done = pipelines.python("-c", (
        "from flowc.pipeline import Pipeline, PythonTask\n"
        "def f(x): return x + 1\n"
        "print(Pipeline(name='typed', steps=[PythonTask(name='f', function=f, returns=['y'])]).run({'x': 1})['y'])"
    ))  # fmt: skip
    assert done.code == 0, done.err
    assert done.out.splitlines() == ["2"]


def test_the_module_of_a_pipeline_runs_once(pipelines: Project) -> None:
    done = program(pipelines, """
        import steps
        from flowc.pipeline import Pipeline, PythonTask

        print("the module runs")
        done = Pipeline(name="unguarded", steps=[PythonTask(name="f", function=steps.base, returns=["x"])]).execute()
        print("returned", done["x"])
        """)  # fmt: skip
    assert done.code == 0, done.err
    assert done.out.splitlines() == ["the module runs", "returned 20"]


def test_execute_outside_of_the_guard_is_not_called_by_tasks(pipelines: Project) -> None:
    done = program(pipelines, """
        from flowc.pipeline import Pipeline, PythonTask

        print("imported")  # so that tasks import the module anew

        def f() -> int:
            return 1

        done = Pipeline(name="unguarded", steps=[PythonTask(name="f", function=f, returns=["x"])]).execute()
        print("returned", done["x"])
        """)  # fmt: skip
    assert done.code == 0, done.err
    assert done.out.splitlines() == ["imported", "[f] imported", "returned 1"]


ERRORS = [
    ("execute()", "the run needs a value of 'x' (argument of f() in step 'f', program.py:"),
    ("execute({'x': object()})", "the parameter 'x' is a object, which JSON cannot represent"),
    ("execute({'x': 'abc'})", "'abc' is not an int"),
    ("execute({'x': 1}, run_id='mine')", "flowc makes the ids of runs; use tag="),
]


@pytest.mark.parametrize(("call", "message"), ERRORS, ids=[call for call, _ in ERRORS])
def test_a_wrong_call_is_refused(pipelines: Project, call: str, message: str) -> None:
    done = program(pipelines, f"""
        from flowc.pipeline import Pipeline, PythonTask

        def f(x: int) -> int:
            return x

        if __name__ == "__main__":
            Pipeline(name="calls", steps=[PythonTask(name="f", function=f, returns=["y"])]).{call}
        """)  # fmt: skip
    assert done.code == 1
    assert message in done.err
    assert pipelines.store.flows() == []


def test_a_failed_run_raises_and_names_itself(pipelines: Project) -> None:
    done = program(pipelines, """
        import steps
        from flowc.pipeline import Pipeline, PythonTask

        if __name__ == "__main__":
            pipeline = Pipeline(name="bad", steps=[PythonTask(name="boom", function=steps.boom)])
            print(pipeline.execute(check=False).status)
            pipeline.execute()
        """)  # fmt: skip
    assert done.code == 1
    assert done.out.splitlines() == ["failed"]
    assert "RunFailed: the run bad/" in done.err
    assert "steps.py" in done.err
    assert "flowc_runtime/run/nodes" not in done.err


def test_tasks_that_import_their_code_anew_have_the_functions_of_no_module(pipelines: Project) -> None:
    done = pipelines.flowc("run", "--local", "pipelines.py:reduced", "--start", "fresh")
    assert done.code == 0, done.err
    assert pipelines.artifacts(pipelines.latest(), "m_join")["s"] == 3


def test_a_failed_pipeline_is_resumed(pipelines: Project) -> None:
    pipelines.write("flaky.py", """
        import os
        from flowc.pipeline import Pipeline, PythonTask
        import steps

        def fails(base):
            if not os.path.exists("mended"):
                raise RuntimeError("not yet")
            return base + 1

        pipeline = Pipeline(name="flaky", steps=[
            PythonTask(name="base", function=steps.base, returns=["base"]),
            PythonTask(name="fails", function=fails, returns=["y"]),
        ])
        """)  # fmt: skip
    assert pipelines.flowc("run", "--local", "flaky.py").code == 1
    pipelines.write("mended", "")
    done = pipelines.flowc("resume", "flaky.py")
    assert done.code == 0, done.err
    run = pipelines.store.run("flaky", pipelines.store.runs("flaky")[-1])
    assert pipelines.artifacts(run, "fails")["y"] == 21
    assert "done fails" in done.err
    assert "done base" not in done.err


def test_a_condition_without_a_branch_for_its_value_names_both(project: Project) -> None:
    project.write(
        "pipe.py",
        """
        from flowc.pipeline import Conditional, Pipeline, PythonTask
        def choose(): return "b"
        def show(error): print(error.exception)
        def P(name, function, **more): return PythonTask(name=name, function=function, **more)
        branch = P("x", choose).as_pipeline()
        def made(branches, **more):
            return Pipeline(steps=[
                P("choose", choose, returns=["v"]), Conditional(name="c", parameter="v", branches=branches, **more),
            ])
        one = made({"1": branch})
        two = made({"1": branch, "2": branch})
        both = made({"1": branch}, on_failure=P("show", show).as_pipeline())
        """,
    )
    only = "the only branch is '1'"
    for name, message in (("one", only), ("two", "the branches are '1', '2'")):
        failed = project.flowc("run", "--local", f"pipe.py:{name}")
        assert failed.code == 1
        assert f"'v' is 'b', but {message}" in failed.err
    handled = project.flowc("run", "--local", "pipe.py:both")
    assert handled.code == 0
    assert f"'v' is 'b', but {only}" in handled.out


def test_enums_and_paths_are_options_of_a_function_that_runs_alone(project: Project) -> None:
    project.write(
        "e.py",
        """
        from enum import Enum
        from pathlib import Path
        class C(Enum):
            R = "r"
            G = "g"
        def f(c: C = C.R, p: Path = Path("data")): print(c, repr(p.name))
        """,
    )
    assert "C.R 'data'" in project.flowc("run", "--local", "e.py:f").out
    assert "C.G 'x'" in project.flowc("run", "--local", "e.py:f", "--c", "g", "--p", "x").out
    assert "C.G 'data'" in project.flowc("run", "--local", "e.py:f", RUNNABLE_PRM_c="g").out


def test_places_of_failures_are_in_the_code_of_the_user(project: Project) -> None:
    project.write(
        "places.py",
        """
        import asyncio
        from flowc.pipeline import AsyncPythonTask, AsyncPipeline, Pipeline, ShellTask
        def f(x: int): return x
        async def slow(): await asyncio.sleep(60)
        async def bad(): raise ValueError("no")
        shell = Pipeline(steps=[ShellTask(name="shell", command="sleep 60", timeout=1)])
        late = AsyncPipeline(steps=[AsyncPythonTask(function=slow, timeout=1)])
        wrong = AsyncPipeline(steps=[AsyncPythonTask(function=bad)])
        """,
    )
    missing = project.flowc("run", "--local", "places.py:f")
    assert "f() in step 'f' (places.py:3:1)" in missing.err
    for name, place in (
        ("shell", "places.py:6 in shell"),
        ("late", "places.py:7 in slow"),
        ("wrong", "places.py:5 in bad"),
    ):
        failed = project.flowc("run", "--local", f"places.py:{name}")
        assert [line for line in failed.err.splitlines() if "-->" in line] == [f"  --> {place}"]
        for file in ("selectors.py", "asyncio/", "flowc_runtime/"):
            assert file not in failed.err


def test_an_item_that_a_handler_ended_has_none_in_the_lists_and_nothing_in_reducers(project: Project) -> None:
    project.write(
        "items.py",
        """
        from flowc.pipeline import Map, Pipeline, PythonTask
        def divide(n): return 6 // n
        def note(error): return "failed"
        def show(xs, y, note): print("SEEN", xs, y, note)
        handler = Pipeline(steps=[PythonTask(function=note, returns=["note"])])
        silent = Pipeline(steps=[PythonTask(name="silent", function=note)])
        def part(name, handler):
            return Pipeline(steps=[PythonTask(function=divide, returns=[name], on_failure=handler)])
        flow = Pipeline(parameters={"ns": [3, 0, 2]}, steps=[
            Map(name="m", iterate_on="ns", iterate_as="n", branch=part("xs", handler)),
            Map(name="r", iterate_on="ns", iterate_as="n", branch=part("y", silent), reducer={"y": sum}),
            PythonTask(function=show),
        ])
        """,
    )
    done = project.flowc("run", "--local", "items.py:flow")
    assert "SEEN [2, None, 3] 5 [None, 'failed', None]" in done.out, done.err


def test_a_wrong_value_of_a_variable_is_told_before_the_run(project: Project) -> None:
    project.write("program.py", """
        from flowc.pipeline import Pipeline, PythonTask
        def one(x: int = 3): return x
        pipeline = Pipeline(steps=[PythonTask(function=one, returns=["y"])])
        if __name__ == "__main__":
            print(pipeline.execute(check=False)["y"])
        """)  # fmt: skip
    for variable in ("RUNNABLE_PRM_x", "METAFLOW_RUN_X"):
        done = project.python("program.py", **{variable: "many"})
        assert done.code == 1
        assert done.err.splitlines()[-1] == (
            f"flowc.pipeline.errors.PipelineError: the variable {variable} of the parameter 'x' "
            "(argument of one() in step 'one', program.py:3:1): 'many' is not an int"
        )
        assert "Usage" not in done.err
    assert project.store.flows() == []
    assert project.python("program.py", RUNNABLE_PRM_x="4").out == "[one] 4\n".replace("[one] ", "")


def test_a_run_that_has_not_begun_has_no_records(project: Project) -> None:
    project.write("program.py", """
        from flowc.pipeline import Pipeline, PipelineError, PythonTask
        def one(x: int): return x
        pipeline = Pipeline(steps=[PythonTask(function=one, returns=["y"])])
        if __name__ == "__main__":
            done = pipeline.execute(check=False, parameters_file="values.json")
            print(done.ok, done.outputs, done.metrics, done.pathspec == "")
            try:
                done.run
            except PipelineError as error:
                print(error)
        """)  # fmt: skip
    project.write("values.json", '{"x": "many"}')
    done = project.python("program.py")
    assert done.out.splitlines() == [
        "False {} {} True",
        "no run of program has begun, so there are no records: the output of execute() says why, and `ok` is False",
    ]
    assert done.err.startswith("Error: Invalid value for '--x': 'many' is not an int")


def test_a_map_over_a_dict_is_refused(project: Project) -> None:
    project.write("maps.py", """
        from flowc.pipeline import Map, Pipeline, PythonTask
        def load(): return {"a": 1, "b": 2}
        def use(item): return item
        pipe = Pipeline(steps=[PythonTask(function=load, returns=["sizes"]),
            Map(name="m", iterate_on="sizes", iterate_as="item",
                branch=PythonTask(function=use, returns=["r"]).as_pipeline())])
        """)  # fmt: skip
    done = project.flowc("run", "--local", "maps.py:pipe")
    assert done.code == 1
    assert (
        "cannot map over 'sizes': it is a dict, not a list: return list(sizes) for its keys, or [*sizes.items()] for pairs"
        in done.err
    )


TYPED = """
    import datetime, decimal, enum, pathlib, uuid
    from typing import Literal
    from flowc.pipeline import Pipeline, PythonTask

    class Color(enum.Enum):
        RED = "3"

    def show(
        day: datetime.date = datetime.date(2024, 1, 2), at: datetime.datetime = datetime.datetime(2024, 1, 2, 3),
        clock: datetime.time = datetime.time(1, 2), price: decimal.Decimal = decimal.Decimal("0.10"),
        path: pathlib.Path = pathlib.Path("x"), key: uuid.UUID = uuid.UUID(int=3), color: Color = Color.RED,
        kind: Literal["a", "b"] = "a", maybe: datetime.date | None = None,
    ):
        return repr([day, at, clock, price, path, key, color, kind, maybe])

    class Plain: pass
    def plain(it: Plain): pass
    pipe = Pipeline(name="typed", steps=[PythonTask(function=show, returns=["shown"])])
    if __name__ == "__main__":
        import sys
        print(pipe.execute({"day": sys.argv[1]})["shown"])
    """


def test_texts_are_converted_to_the_class_of_the_annotation(project: Project) -> None:
    project.write("typed.py", TYPED)
    assert project.flowc("run", "--local", "typed.py:pipe").code == 0
    uuid = "12345678123456781234567812345678"
    given = ["--day", "20250203", "--at", "2024-01-01T00:00:00Z", "--clock", "04:05", "--price", "0.1234567890123456789",
             "--path", "3", "--key", uuid, "--color", "3", "--kind", "b", "--maybe", "2025-01-01"]  # fmt: skip
    given[1] = "2025-02-03"
    assert project.flowc("run", "--local", "typed.py:pipe", *given).code == 0
    shown = project.artifacts(project.latest(), "show")["shown"]
    assert shown == (
        "[datetime.date(2025, 2, 3), datetime.datetime(2024, 1, 1, 0, 0, tzinfo=datetime.timezone.utc), "
        "datetime.time(4, 5), Decimal('0.1234567890123456789'), PosixPath('3'), "
        "UUID('12345678-1234-5678-1234-567812345678'), <Color.RED: '3'>, 'b', datetime.date(2025, 1, 1)]"
    )
    assert project.python("typed.py", "2030-12-31").out.startswith("[datetime.date(2030, 12, 31), ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--day", "2024-13-01"], "'2024-13-01' (str), not a date, such as 2024-12-31"),
        (["--at", "noon"], "'noon' (str), not a datetime, such as 2024-12-31T23:59:00"),
        (["--clock", "x"], "'x' (str), not a time, such as 23:59"),
        (["--price", "1,5"], "'1,5' (str), not a Decimal, such as 0.10"),
        (["--key", "1"], "'1' (str), not a UUID, such as 12345678-1234-5678-1234-567812345678"),
        (["--color", "4"], "4 (int), not a Color: its values are '3'"),
        (["--kind", "c"], "'c' (str), not one of 'a', 'b'"),
        (["--maybe", "soon"], "'soon' (str), not date or None"),
    ],
)
def test_a_text_that_cannot_be_converted_is_told_before_the_run(
    project: Project, words: list[str], message: str
) -> None:
    project.write("typed.py", TYPED)
    done = project.flowc("run", "--local", "typed.py:pipe", *words)
    assert done.code == 2
    assert f"Invalid value for '{words[0]}': argument of show() in step 'show' (typed.py:18:1) is {message}" in done.err
    assert project.store.flows() == []


def test_a_value_of_another_class_is_refused(project: Project) -> None:
    project.write("typed.py", TYPED)
    done = project.flowc("run", "--local", "typed.py:plain", "--it", "x")
    assert "argument of plain() in step 'plain' (typed.py:17:1) is 'x' (str), not Plain" in done.err
    done = project.python("typed.py", "soon")
    assert done.err.splitlines()[-1] == (
        "flowc.pipeline.errors.PipelineError: the parameter 'day': argument of show() in step 'show' (typed.py:18:1) "
        "is 'soon' (str), not a date, such as 2024-12-31"
    )
