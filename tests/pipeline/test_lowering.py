"""Pipelines are lowered to flows: the nodes of each composite, the parameters, and errors with their positions."""

from __future__ import annotations

import sys
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flowc.frontends.pipeline.lower_pipeline import load_pipeline
from flowc.pipeline import Conditional, Loop, Map, Parallel, Pipeline, PipelineError, PythonTask, Stub, pickled
from flowc_ir import codes, json_text
from flowc_ir.schema import dumps, loads
from flowc_ir.text import print_flow
from flowc_ir.verify import verify

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc_ir import Flow


def one(x: int = 1) -> int:
    return x + 1


def two(y: float, z: Any = None) -> None: ...


def items() -> list[int]:
    return [1, 2]


def task(name: str, function: Any = one, *returns: Any, **more: Any) -> PythonTask:
    return PythonTask(name=name, function=function, returns=list(returns), **more)


def alone(name: str, *returns: str, **more: Any) -> Pipeline:
    return task(name, one, *returns, **more).as_pipeline()


def lowered(*steps: Any, **more: Any) -> Flow:
    loaded = load_pipeline(Pipeline(name="flow", steps=[*steps]), **more)
    assert loaded.flow is not None, loaded.diagnostics
    assert verify(loaded.flow) == []
    assert loads(dumps(loaded.flow)) == loaded.flow
    return loaded.flow


def shape(flow: Flow) -> list[str]:
    """Return the printed lines of the nodes and their transitions."""
    return [line.strip() for line in print_flow(flow).splitlines() if line.startswith("  ") and "->" in line]


CASES: list[tuple[str, Sequence[Any], list[str]]] = [
    ("a list of tasks is a chain", [task("a"), task("b")], ["a -> b", "b -> end"]),
    (
        "a map is a foreach that the task before it opens",
        [task("a", items, "xs"), Map(name="m", branch=alone("b", "y"), iterate_on="xs", iterate_as="x"), task("c")],
        ["a -> b for each x of xs", "b -> m_join", "m_join joins a -> c", "c -> end"],
    ),
    (
        "a map that comes first has a node of its own",
        [Map(name="m", branch=alone("b", "y"), iterate_on="xs", iterate_as="x")],
        ["m -> b for each x of xs", "b -> m_join", "m_join joins m -> end"],
    ),
    (
        "branches are opened by the task before them",
        [task("a"), Parallel(name="p", branches={"l": alone("b"), "r": alone("c")})],
        ["a -> b & c", "b -> p_join", "c -> p_join", "p_join joins a -> end"],
    ),
    ("one branch needs no join", [Parallel(name="p", branches={"l": alone("b")}), task("c")], ["b -> c", "c -> end"]),
    (
        "a condition is a switch of the task before it",
        [task("a", one, "k"), Conditional(name="c", parameter="k", branches={"x": alone("b")}, default=alone("d"))],
        ["a -> by k: 'x' -> b, else -> d", "b -> end", "d -> end", "end -> end"],
    ),
    (
        "a condition with one branch and no default fails for other values",
        [task("a", one, "k"), Conditional(name="c", parameter="k", branches={"x": alone("b")}), task("e")],
        ["a -> by k: 'x' -> b, else -> c_fails", "b -> e", "c_fails -> e", "e -> end"],
    ),
    (
        "a loop is a switch of the last task in it",
        [Loop(name="l", branch=alone("b", "done"), break_on="done", max_iterations=3, index_as="i"), task("c")],
        ["start -> b", "b -> by done: False -> b, True -> c, at most 3 iterations counted by i", "c -> end"],
    ),
    (
        "a failure leads to its handler and past the rest",
        [task("a", on_failure=alone("h")), task("b")],
        ["a -> by error: 'failed' -> h, else -> b", "h -> end", "b -> end", "end -> end"],
    ),
    (
        "a failure in a map leads to its join, which knows it",
        [Map(name="m", branch=alone("b", "y"), iterate_on="xs", iterate_as="x", on_failure=alone("h")), task("c")],
        [
            "m_check -> by error: 'failed' -> h, else -> m",
            "m -> b for each x of xs", "b -> m_join", "m_join joins m -> by error: 'failed' -> h, else -> c",
            "h -> end", "c -> end", "end -> end",
        ],
    ),
    (
        "a value without a branch leads to the handler of its condition",
        [task("a", one, "k"), Conditional(name="c", parameter="k", branches={"x": alone("b"), "y": alone("d")},
                                          on_failure=alone("h"))],
        [
            "a -> c_check", "c_check -> by error: 'failed' -> h, else -> c", "c -> by k: 'x' -> b, 'y' -> d",
            "b -> by error: 'failed' -> h, else -> end", "d -> by error: 'failed' -> h, else -> end", "h -> end",
            "end -> end",
        ],
    ),
    (
        "a handler in a branch of a condition ends the branch",
        [
            Conditional(
                name="c", parameter="k", default=alone("d"),
                branches={"x": Pipeline(steps=[task("a", on_failure=alone("h")), task("b")])},
            ),
            task("e"),
        ],
        [
            "c -> by k: 'x' -> a, else -> d", "a -> by error: 'failed' -> h, else -> b", "h -> e", "b -> e", "d -> e",
            "e -> end", "end -> end",
        ],
    ),
    (
        "a handler in the only branch ends the branch",
        [Parallel(name="p", branches={"x": Pipeline(steps=[task("a", on_failure=alone("h")), task("b")])}), task("e")],
        ["a -> by error: 'failed' -> h, else -> b", "h -> e", "b -> e", "e -> end", "end -> end"],
    ),
    (
        "a handler in a loop ends the iteration",
        [
            task("s"),
            Loop(
                name="l", break_on="done", max_iterations=3,
                branch=Pipeline(steps=[task("a", on_failure=alone("h")), task("b", one, "done")]),
            ),
            task("e"),
        ],
        [
            "s -> a", "a -> by error: 'failed' -> h, else -> b", "h -> l", "b -> l",
            "l -> by done: False -> a, True -> e, at most 3 iterations", "e -> end", "end -> end",
        ],
    ),
    (
        "a pipeline may end with a failure",
        [task("a"), task("b", terminate_with_failure=True)],
        ["a -> b", "b -> b_fails", "b_fails -> end"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("steps", "lines"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_pipeline_becomes_these_nodes(steps: Sequence[Any], lines: list[str]) -> None:
    assert shape(lowered(*steps)) == lines


def test_equal_names_are_told_apart_by_what_is_around_them() -> None:
    flow = lowered(
        Parallel(name="p", branches={"l": alone("fit", "x"), "r": alone("fit", "y")}), task("fit"), task("Fit it!")
    )
    assert sorted(node.id for node in flow.nodes) == ["Fit_it", "fit", "l_fit", "p", "p_join", "r_fit"]


def test_outer_steps_keep_their_names_and_inner_steps_get_longer_ones() -> None:
    handled = lowered(task("a", on_failure=alone("a")), task("end"))
    assert shape(handled) == [
        "a -> by error: 'failed' -> a_a, else -> end", "a_a -> end_2", "end -> end_2", "end_2 -> end",
    ]  # fmt: skip
    mapped = lowered(
        Map(name="m", branch=alone("t", "y", on_failure=alone("m")), iterate_on="xs", iterate_as="x"),
        task("t"),
        PythonTask(function=one),
        PythonTask(function=one),
    )
    assert shape(mapped)[0] == "m -> m_t for each x of xs"
    assert [node.id for node in mapped.nodes] == ["m", "m_t", "t_m", "m_join", "t", "one", "one_2"]


def test_one_pipeline_in_several_places_has_names_in_the_order_of_the_text() -> None:
    same = alone("b")
    flow = lowered(task("a", one, "k"), Conditional(name="c", parameter="k", branches={"x": same, "y": same}))
    assert shape(flow)[0] == "a -> by k: 'x' -> b, 'y' -> c_b"


def test_what_no_step_returns_is_a_parameter() -> None:
    flow = lowered(task("a", one, "y"), task("b", two))
    x, z = flow.parameters
    assert (x.name, x.type, x.required, x.default) == ("x", "int", False, "1")
    assert (z.name, z.type, z.required, z.default) == ("z", "any", False, None)
    (y,) = lowered(task("b", lambda y: y)).parameters
    assert (y.name, y.required) == ("y", True)


class Mode(Enum):
    FAST = "fast"
    FULL = 2


def use(
    mode: Mode = Mode.FAST, full: Mode = Mode.FULL, p: Path = Path("data/in"), free: Any = Mode.FAST,
    other: Any = sys.stdout,
) -> None: ...  # fmt: skip


def test_an_enum_and_a_path_are_parameters_with_the_text_of_their_defaults() -> None:
    found = {each.name: (each.type, each.required, each.default) for each in lowered(task("a", use)).parameters}
    assert found == {
        "mode": ("any", False, '"fast"'), "full": ("any", False, "2"), "p": ("str", False, '"data/in"'),
        "free": ("any", False, None),
    }  # fmt: skip


def test_values_that_are_given_are_parameters_also_if_no_step_names_them() -> None:
    def any_values(**values: int) -> None: ...

    flow = lowered(task("a"), task("b", any_values), parameters={"region": "no"})
    assert [parameter.name for parameter in flow.parameters] == ["x", "region"]
    with pytest.raises(PipelineError, match="no step of the pipeline takes a value 'region'"):
        lowered(task("a"), parameters={"region": "no"})


def test_a_value_of_the_iteration_before_is_a_parameter_of_the_first_one() -> None:
    def grow(total: int) -> tuple[int, bool]:
        return total, True

    loop = Loop(name="l", branch=task("g", grow, "total", "done").as_pipeline(), break_on="done", max_iterations=2)
    (total,) = lowered(loop, Stub(name="c")).parameters
    assert (total.name, total.type, total.required) == ("total", "int", True)


def test_a_function_of_no_module_travels_as_a_pickle() -> None:
    loaded = load_pipeline(Pipeline(name="flow", steps=[task("a", lambda: 1), task("b", lambda: 2)]))
    assert loaded.flow is not None
    names = [name for name, _ in loaded.package.files if name.endswith(".pickle")]
    assert [name.partition(".")[0] for name in names] == ["flowc_functions/lambda_", "flowc_functions/lambda__2"]


def test_equal_pipelines_are_equal_flows() -> None:
    def made() -> Flow:
        return lowered(task("a", items, pickled("xs")), task("b"))

    assert json_text.loads(dumps(made())) == json_text.loads(dumps(made()))


FAULTS: list[tuple[str, Sequence[Any], str, str]] = [
    ("an unknown module", [task("a", "no_such.module.f")], codes.BAD_ACTION, "cannot import no_such.module"),
    ("an unknown function", [task("a", "statistics.maen")], codes.BAD_ACTION, "the module statistics has no 'maen'"),
    ("no dotted path", [task("a", "statistics mean")], codes.BAD_ACTION, "'statistics mean' is not the dotted path"),
    (
        "a step after the end",
        [Stub(name="a", terminate_with_success=True), task("b")],
        codes.UNREACHABLE_STEP,
        "follow",
    ),
    (
        "a reducer for nothing",
        [Map(name="m", branch=alone("b", "y"), iterate_on="xs", iterate_as="x", reducer={"z": max})],
        codes.BAD_POLICY,
        "a reducer is for 'z', which its branch does not return",
    ),
    (
        "a reducer that is no Python",
        [Map(name="m", branch=alone("b", "y"), iterate_on="xs", iterate_as="x", reducer="lambda x:")],
        codes.BAD_ACTION,
        "cannot be evaluated",
    ),
]


@pytest.mark.parametrize(("steps", "code", "message"), [case[1:] for case in FAULTS], ids=[case[0] for case in FAULTS])
def test_a_fault_is_reported_at_its_step(steps: Sequence[Any], code: str, message: str) -> None:
    loaded = load_pipeline(Pipeline(name="flow", steps=[*steps]))
    assert loaded.flow is None
    (fault,) = loaded.diagnostics
    assert fault.code == code
    assert message in fault.message
    assert fault.hint
    assert fault.span.line > 1


def test_a_loop_ends_by_a_value_that_its_branch_returns() -> None:
    def faults(break_on: str, branch: Pipeline) -> list[str]:
        loop = Loop(name="l", branch=branch, break_on=break_on, max_iterations=3)
        return [f"{each.message}; {each.hint}" for each in load_pipeline(Pipeline(name="f", steps=[loop])).diagnostics]

    message = "Loop 'l': break_on is '{}', which its branch does not return; {}"
    assert faults("dine", alone("b", "done")) == [message.format("dine", "did you mean 'done'?")]
    assert faults("x", alone("b")) == [message.format("x", "the branch returns nothing")]
    inner = Loop(name="i", branch=alone("b", "done"), break_on="done", max_iterations=3)
    assert faults("done", Pipeline(steps=[inner])) == []


def test_a_module_that_cannot_be_imported_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "broken_steps.py").write_text("x = 1 / 0\n")
    (tmp_path / "needy_steps.py").write_text("import no_such_package\n")
    loaded = load_pipeline(
        Pipeline(name="flow", steps=[
            task("a", "broken_steps.f"), task("b", "needy_steps.f"), task("c", "brokensteps.f"), task("d", "statistics.maen"),
        ])
    )  # fmt: skip
    assert [(fault.message, fault.hint) for fault in loaded.diagnostics] == [
        (
            "PythonTask 'a': importing broken_steps failed: ZeroDivisionError: division by zero "
            "(raised in line 1 of broken_steps.py)",
            "mend the module",
        ),
        ("PythonTask 'b': cannot import needy_steps: No module named 'no_such_package'", "install what it imports"),
        ("PythonTask 'c': cannot import brokensteps: No module named 'brokensteps'", "did you mean 'broken_steps'?"),
        ("PythonTask 'd': the module statistics has no 'maen'", "did you mean 'mean'?"),
    ]
