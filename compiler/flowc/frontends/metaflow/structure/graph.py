"""Build the graph of a flow from the transitions of its steps, find the joins, and report faults."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from flowc.frontends.metaflow.structure.ends import find_ends
from flowc.frontends.metaflow.structure.leaving import Leaving
from flowc.frontends.metaflow.structure.steps import find_method
from flowc.frontends.metaflow.structure.transitions import leaving
from flowc_ir import codes
from flowc_ir.diagnostic import Faults
from flowc_ir.graphs.structure import Vertex, analyse
from flowc_ir.late.dataclass import dataclass, replace
from flowc_ir.suggestion import suggest

if TYPE_CHECKING:
    from collections.abc import Mapping, Set

    from flowc.frontends.metaflow.structure.steps import Members, StepMethod
    from flowc.frontends.source import Sources
    from flowc_ir import Span, Transition
    from flowc_ir.diagnostic import Related


@final
@dataclass(frozen=True, slots=True)
class DeclaredGraph:
    """The graph of a flow as its class declares it.

    Attributes:
        start: the name of the first step.
        steps: the steps by name, in the order of the source.
        next_of: the transition of each step; None if it could not be read, which was already reported as a fault.
        closes: the name of each join → the name of the split that it closes.
        mentions: for each step, the names of the steps in its `self.next`, with their spans.
    """

    start: str
    steps: Mapping[str, StepMethod]
    next_of: Mapping[str, Transition | None]
    closes: Mapping[str, str]
    mentions: Mapping[str, Mapping[str, Span]]

    def mention(self, name: str, target: str, words: str) -> tuple[Related, ...]:
        """Return the place in the source where the `self.next` of step `name` names `target`, for the argument `also`
        of a fault: the fault's message then shows this place, too. The result is empty if the `self.next` does not name
        `target`.

        Args:
            name: the step with the `self.next`.
            target: the step that the `self.next` names.
            words: the text to show at the place.
        """
        span = self.mentions[name].get(target)
        return ((span, words),) if span is not None else ()


@final
@dataclass(frozen=True, slots=True)
class Candidates:
    """The methods that may be steps.

    Attributes:
        methods: methods that look like steps: with a decorator of flowc, or with a `self.next`.
        lost: names of steps whose source was not found; these faults were already reported.
        members: all attributes of the class. A method without `@step` is treated as a step if another step leads to it.
        sources: the files of the methods.
    """

    methods: Mapping[str, StepMethod]
    lost: Set[str]
    members: Members
    sources: Sources


def connect(flow_name: str, where: Span, candidates: Candidates, faults: Faults) -> DeclaredGraph:
    """Read every step's transition, resolve the names in it, and find the split that each join closes.

    Args:
        flow_name: the name of the flow's class.
        where: the span of the class, where a missing first or last step is reported.
        candidates: the methods that may be steps.
        faults: collects the faults. A step whose transition has a fault gets the transition None.
    """
    steps = _Steps(candidates, faults)
    steps.read()
    start = steps.start
    _check_ends(flow_name, where, steps, faults)
    faults.extend(fault for left in steps.left.values() for fault in left.faults)
    next_of = {name: left.next for name, left in steps.left.items()}
    closes: Mapping[str, str] = {}
    if start in steps.found and not steps.ambiguous:
        shape = analyse(start, [
            Vertex(id=name, where=method.where, takes_inputs=method.takes_inputs, next=next_of[name])
            for name, method in steps.found.items()
        ])  # fmt: skip
        closes = shape.closes
        known = {method.where for method in steps.found.values() if not method.is_step}
        faults.extend(
            fault for fault in shape.faults if fault.code != codes.UNREACHABLE_STEP or fault.span not in known
        )
    order = [name for name in candidates.members if name in steps.found]
    mentions = {name: dict(left.mentions) for name, left in steps.left.items()}
    return DeclaredGraph(start, {name: steps.found[name] for name in order}, next_of, closes, mentions)


class _Steps:
    """Collects the steps of a flow. If a step leads to a method without `@step`, the method is reported, and then
    treated as a step."""

    def __init__(self, candidates: Candidates, faults: Faults) -> None:
        self.candidates = candidates
        self.faults = faults
        self.found: dict[str, StepMethod] = {}
        self.left: dict[str, Leaving] = {}
        before = len(faults)
        self.start, self.end = find_ends(candidates, faults)
        self.ambiguous = len(faults) > before

    def read(self) -> None:
        for method in self.candidates.methods.values():
            left = self._leaving(method)
            if method.is_step:
                self._add(method, left)
            elif (left.mentions and not method.name.startswith("_")) or method.name in (self.start, self.end):
                self._add_unmarked(method, left)
        for name in (self.start, self.end):
            self._take_unmarked(name)
        for name in [*self.found]:
            self._resolve(name)

    def _leaving(self, method: StepMethod) -> Leaving:
        return leaving(method, self.candidates.members, is_end=method.name == self.end)

    def _add(self, method: StepMethod, left: Leaving) -> None:
        self.found[method.name] = method
        self.left[method.name] = left

    def _add_unmarked(self, method: StepMethod, left: Leaving) -> None:
        self.faults.add(
            codes.MISSING_STEP_DECORATOR,
            method.where,
            f"method '{method.name}' is used as a step but has no @step",
            hint="write @step above it",
        )
        # Report only the missing @step. If self.next is missing too, a later check reports this, after the user has
        # added @step.
        self._add(method, Leaving(None) if left.is_missing else left)

    def _take_unmarked(self, name: str) -> bool:
        """Return whether a step has this name. A method of this name without `@step` is added as a step."""
        if name in self.found:
            return True
        known = self.candidates
        method = known.methods.get(name) or find_method(name, known.members, known.sources)
        if method is None:
            return False
        self._add_unmarked(method, self._leaving(method))
        self._resolve(name)
        return True

    def _resolve(self, name: str) -> None:
        """Report names in a step's transition that are not steps; the transition then becomes None."""
        left = self.left[name]
        lost = self.candidates.lost
        unknown = [(name, span) for name, span in left.mentions if name in lost or not self._take_unmarked(name)]
        for target, span in unknown:
            # A missing last step is reported once for the flow, not for each step that leads to it.
            if target != self.end and target not in lost:
                self._unknown(target, span)
        if unknown:
            self.left[name] = replace(left, next=None, mentions=())

    def _unknown(self, target: str, span: Span) -> None:
        if target in self.candidates.members:
            message, hint = f"'{target}' is an attribute of the flow, not a step", "name a method that has @step"
        else:
            message = f"there is no step '{target}'"
            hint = suggest(target, self.found, f"add a step `def {target}(self):`")
        self.faults.add(codes.UNKNOWN_STEP, span, message, hint=hint)


def _check_ends(flow_name: str, where: Span, steps: _Steps, faults: Faults) -> None:
    there = {*steps.found, *steps.candidates.lost}  # a step in `lost` exists, but its source was not found
    if steps.start not in there:
        faults.add(
            codes.NO_START,
            where,
            f"flow '{flow_name}' has no step 'start'",
            hint="add a step `def start(self):`, where every run begins, or write @step(start=True) above one",
        )
    if steps.end in there:
        return
    last = [name for name, left in steps.left.items() if left.is_missing]
    hint = "add a step `def end(self):`, where every run ends"
    if len(last) == 1:  # the step was probably meant to lead to the missing last step: report only one fault for both
        hint = f"add a step `def end(self):` and lead '{last[0]}' to it with `self.next(self.end)`"
        steps.left[last[0]] = Leaving(None)
    faults.add(codes.NO_END, where, f"flow '{flow_name}' has no step 'end'", hint=hint)
