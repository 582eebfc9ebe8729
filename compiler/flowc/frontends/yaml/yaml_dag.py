"""Pipelines in YAML in which each step names the next step: `dag: {start_at: a, steps: {a: {next: b, …}}}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, final

from flowc.frontends.yaml.yaml_shapes import add_wrong
from flowc.frontends.yaml.yaml_tables import DAG, DAG_FORM, DAG_KINDS
from flowc.frontends.yaml.yaml_tree import Keyed, Listing, Scalar
from flowc.pipeline.composites import Conditional, Loop, Map, Parallel
from flowc.pipeline.steps import AsyncPythonTask, NotebookTask, PythonTask, ShellTask, Stub
from flowc_ir import codes
from flowc_ir.late.namedtuple import NamedTuple
from flowc_ir.suggestion import closest, did_you_mean

if TYPE_CHECKING:
    from flowc.frontends.yaml.yaml_objects import YamlObjects
    from flowc.frontends.yaml.yaml_tree import Tree
    from flowc.pipeline.pipelines import Pipeline
    from flowc.pipeline.steps import Step
    from flowc_ir import Span

_ENDS = ("success", "fail")
_GRAPH = ("type", "next", "next_node", "on_failure")
_LIST = "write a mapping from names to steps; a list of steps needs no `dag:`, write it below `steps:`"
_HINTS = {
    "dag": "write its steps into this pipeline, or into a branch of a step of type parallel",
    "as-is": "write type: stub",
    "python": "write type: task and command_type: python",
    "shell": "write type: task and command_type: shell",
    "notebook": "write type: task and command_type: notebook",
}


class _DagStep(NamedTuple):
    """A step as written in the file, with the arguments for the object that it becomes."""

    key: Scalar
    tree: Keyed
    kind: str
    given: dict[str, object]

    @property
    def what(self) -> str:
        return f"step '{self.key.text}'"

    @property
    def next(self) -> Scalar | None:
        """The value of `next`: the name of the next step, with its span."""
        found = self.tree.get("next") or self.tree.get("next_node")
        return found if isinstance(found, Scalar) else None

    @property
    def handler(self) -> Scalar | None:
        """The value of `on_failure`: the name of the step that handles failures of this step, with its span."""
        found = self.tree.get("on_failure")
        return found if isinstance(found, Scalar) and self.kind not in _ENDS else None

    def links(self) -> list[Scalar]:
        """Return the names of the steps that this step names in `next` and `on_failure`."""
        return [each for each in (self.next, self.handler) if each is not None]


@final
class DagReader:
    """Reads pipelines that are written with `dag:`."""

    def __init__(self, objects: YamlObjects) -> None:
        self._objects = objects
        self._faults = objects.faults

    def read(self, root: Keyed, name: str) -> Pipeline | None:
        """Return the pipeline of a file; None if the file has faults, which are reported.

        Args:
            root: the content of the file.
            name: the name of the pipeline if the file does not name it.
        """
        given = DAG_FORM.read(root, "the pipeline", self._faults)
        given.pop("dag", None)
        dag = root.get("dag")
        return self._pipeline(dag, "dag", {"name": name, **given}) if dag is not None else None

    def _pipeline(self, tree: Tree, what: str, about: Mapping[str, object] | None = None) -> Pipeline | None:
        if isinstance(tree, Listing):
            add_wrong(tree, what, DAG.wanted, self._faults, hint=_LIST)
            return None
        given = DAG.read(tree, what, self._faults)
        if not isinstance(tree, Keyed):
            return None
        nodes, start = tree.get("steps"), tree.get("start_at")
        if not isinstance(nodes, Keyed):
            if nodes is not None:
                add_wrong(nodes, f"steps of {what}", "a mapping of names and steps", self._faults, hint=_LIST)
            return None
        steps = {key.text: step for key, value in nodes.entries if (step := self._step(key, value)) is not None}
        known = {key.text for key, _ in nodes.entries}
        if not isinstance(start, Scalar):
            return None
        self._check_links(steps, start, known, what)
        if self._faults:
            return None
        for name in ("name", "description"):
            if name in given:
                about = {**(about or {}), name: given[name]}
        return self._sequence(steps, start, tree.span, frozenset(), about)

    # -- one step ------------------------------------------------------------------------------------------------------

    def _step(self, key: Scalar, tree: Tree) -> _DagStep | None:
        """Read a step. Return None if the step's kind cannot be determined, which is reported."""
        what = f"step '{key.text}'"
        if not isinstance(tree, Keyed):
            add_wrong(tree, what, "a mapping with type and next", self._faults)
            return None
        kind = tree.get("type")
        if not isinstance(kind, Scalar) or kind.text not in DAG_KINDS:
            if kind is None:
                hint = f"add one of {', '.join(f'type: {each}' for each in DAG_KINDS)}"
                self._faults.add(codes.YAML_KEY, key.span, f"{what} has no 'type'", hint=hint)
            else:
                text = kind.text if isinstance(kind, Scalar) else ""
                near = closest(text, DAG_KINDS)
                hint = _HINTS.get(text) or (did_you_mean(near) if near else f"it is one of {', '.join(DAG_KINDS)}")
                add_wrong(kind, f"type of {what}", "a type of step", self._faults, hint=hint)
            return None
        given = DAG_KINDS[kind.text].read(tree, what, self._faults)
        step = _DagStep(key, tree, kind.text, given)
        if step.kind not in _ENDS and step.next is None and tree.get("next") is None:
            hint = "add next: with the name of the next step, or next: success for the last one"
            self._faults.add(codes.YAML_KEY, key.span, f"{what} has no 'next'", hint=hint)
        self._read_inside(step)
        return step

    def _read_inside(self, step: _DagStep) -> None:
        """Read the pipelines that a step contains, such as the branch of a map."""
        given, what = step.given, step.what
        for name in ("branch", "default"):
            if name in given and (value := step.tree.get(name)) is not None:
                given[name] = self._pipeline(value, f"{name} of {what}")
        if "branches" in given and (value := step.tree.get("branches")) is not None:
            read = self._objects.choices if step.kind == "conditional" else self._objects.branches
            given["branches"] = read(value, what, self._pipeline)

    # -- the graph -----------------------------------------------------------------------------------------------------

    def _check_links(self, steps: Mapping[str, _DagStep], start: Scalar, known: set[str], what: str) -> None:
        """Report links to missing steps, links that form a cycle, and steps to which no link leads."""
        links = [(start, f"start_at of {what}")]
        links += [(link, f"{'next' if link is step.next else 'on_failure'} of {step.what}")
                  for step in steps.values() for link in step.links()]  # fmt: skip
        for link, place in links:
            end = link.text in _ENDS and link is not start
            if link.text not in known and not end:
                near = closest(link.text, [*known, *_ENDS])
                hint = did_you_mean(near) if near else f"the steps are {', '.join(sorted(known))}"
                self._faults.add(
                    codes.UNKNOWN_STEP, link.span, f"{place} is '{link.text}', which is not a step", hint=hint
                )
        reached = self._walk(steps, start.text, ())
        if known - steps.keys() or self._faults:  # the faulty steps may have links to steps that seem unreachable
            return
        for name, step in steps.items():
            if name not in reached and step.kind not in _ENDS:
                self._faults.add(
                    codes.UNREACHABLE_STEP, step.key.span, f"nothing leads to {step.what}",
                    hint="name it as next or on_failure of another step, or delete it",
                )  # fmt: skip
        if steps[start.text].kind in _ENDS:
            add_wrong(
                start, f"start_at of {what}", "the name of a step whose type is not success or fail", self._faults
            )

    def _walk(self, steps: Mapping[str, _DagStep], first: str, way: tuple[str, ...]) -> set[str]:
        """Return the steps that can be reached from `first`, and report each link that leads back to a step before
        it."""
        reached: set[str] = set()
        done: set[str] = set()
        waiting: list[tuple[str, tuple[str, ...]]] = [(first, way)]
        while waiting:
            name, way = waiting.pop()
            reached.add(name)
            step = steps.get(name)
            if step is None or name in done:
                continue
            done.add(name)
            for link in step.links():
                if link.text in (*way, name):
                    loop = " → ".join([*(*way, name)[(*way, name).index(link.text) :], link.text])
                    self._faults.add(
                        codes.CYCLE, link.span, f"the steps form a cycle: {loop}",
                        hint="end it with next: success; a step of type loop repeats steps",
                    )  # fmt: skip
                else:
                    waiting.append((link.text, (*way, name)))
        return reached

    def _sequence(
        self,
        steps: Mapping[str, _DagStep],
        start: Scalar,
        at: Span,
        around: frozenset[str],
        about: Mapping[str, object] | None = None,
    ) -> Pipeline | None:
        """Build the pipeline whose first step is `start`. In a handler of failures, `around` has the names of the steps
        outside of the handler; the handler must not lead back to them.
        """
        line: list[_DagStep] = []
        link: Scalar | None = start
        while link is not None and (step := steps.get(link.text)) is not None and step.kind not in _ENDS:
            if link.text in around:
                self._faults.add(
                    codes.UNSUPPORTED_FEATURE, link.span, f"a handler of failures leads back to step '{link.text}'",
                    hint="end the handler with next: success; to continue after it, put the failing step and its "
                    "handler into a branch of a step of type parallel",
                )  # fmt: skip
                return None
            line.append(step)
            link = step.next
        fails = link is not None and (steps[link.text].kind if link.text in steps else link.text) == "fail"
        inside = around | {step.key.text for step in line}
        made = [self._made(step, steps, inside, fails=fails and step is line[-1]) for step in line]
        found = [each for each in made if each is not None]
        if not line:
            add_wrong(start, "on_failure", "the name of a step whose type is not success or fail", self._faults)
        return self._objects.pipeline(found, at, about) if found else None

    def _made(
        self, step: _DagStep, steps: Mapping[str, _DagStep], inside: frozenset[str], *, fails: bool
    ) -> Step | None:
        common: dict[str, object] = {"name": step.key.text}
        if fails:
            common["terminate_with_failure"] = True
        if step.handler is not None:
            common["on_failure"] = self._sequence(steps, step.handler, step.handler.span, inside)
        at, make = step.key.span, self._objects.make
        if step.kind == "stub":
            return make(Stub, common, at)
        given = {key: value for key, value in step.given.items() if key not in _GRAPH}
        values = {key: value for key in ("command", "reducer", "break_on") if (value := step.tree.get(key)) is not None}
        match step.kind:
            case "map":
                return make(Map, given | common, at, values)
            case "parallel":
                return make(Parallel, given | common, at)
            case "conditional":
                return make(Conditional, given | common, at)
            case "loop":
                return make(Loop, given | common, at, values)
        return self._task(given, common, at, values)

    def _task(
        self, given: dict[str, object], common: Mapping[str, object], at: Span, values: Mapping[str, Tree]
    ) -> Step | None:
        made = {**self._objects.with_catalog(given, at), **common}
        command, kind = made.pop("command", ""), made.pop("command_type", "python")
        attempts = made.pop("max_attempts", None)
        if isinstance(attempts, int) and attempts > 1:
            made.setdefault("retry", attempts - 1)
        make = self._objects.make
        if kind == "notebook":
            return make(NotebookTask, {"notebook": command, **made}, at)
        if not made.pop("optional_ploomber_args", None) and kind == "shell":
            return make(ShellTask, {"command": command, **made}, at)
        cls = AsyncPythonTask if kind == "async-python" else PythonTask
        return make(cls, {"function": command, **made}, at, {"function": values["command"]})
