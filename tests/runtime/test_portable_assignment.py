"""An assignment is sent to another process without the fields that the receiving process creates itself."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, cast

from flowc_runtime.run.assignment import Assignment, AssignmentFields

if TYPE_CHECKING:
    from flowc_runtime.base.index import Graph
    from flowc_runtime.run.program import Program
    from flowc_runtime.store.records.run_store import RunStore

MADE_THERE = {"run", "graph", "program", "parameters", "cards"}


def test_the_fields_are_named_once() -> None:
    """`AssignmentFields`, the form that is sent, has the fields of `Assignment` except those in MADE_THERE."""
    assert set(AssignmentFields.__annotations__) == {field.name for field in fields(Assignment)} - MADE_THERE


def test_values_travel() -> None:
    assignment = Assignment(
        run=cast("RunStore", None),
        graph=cast("Graph", None),
        step="train",
        path="0.3",
        attempt=2,
        program=cast("Program", None),
        parameters={"alpha": 1},
        user="ada",
        bare=True,
    )
    portable = assignment.portable
    assert set(portable) == set(AssignmentFields.__annotations__)
    assert (portable["step"], portable["path"], portable["attempt"], portable["bare"]) == ("train", "0.3", 2, True)
