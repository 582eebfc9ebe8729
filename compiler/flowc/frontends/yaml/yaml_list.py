"""Pipelines in YAML that are a list of steps: `steps: [{python: steps.load}, {shell: make report}]`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, final

from flowc.frontends.yaml.yaml_shapes import Record, add_wrong
from flowc.frontends.yaml.yaml_tables import LIST_FORM, LIST_KINDS, MEANT
from flowc.frontends.yaml.yaml_tree import Keyed, Listing, Scalar
from flowc.pipeline.composites import Conditional, Loop, Map, Parallel
from flowc.pipeline.pipelines import title_of
from flowc.pipeline.steps import NotebookTask, PythonTask, ShellTask, Stub
from flowc_ir import codes
from flowc_ir.suggestion import closest, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.frontends.yaml.yaml_objects import YamlObjects
    from flowc.frontends.yaml.yaml_tree import Tree
    from flowc.pipeline.pipelines import Pipeline
    from flowc.pipeline.steps import Step

_ENDS = ("success", "fail")


@final
class ListReader:
    """Reads lists of steps."""

    def __init__(self, objects: YamlObjects) -> None:
        self._objects = objects
        self._faults = objects.faults

    def read(self, root: Keyed, name: str) -> Pipeline | None:
        """Return the pipeline of a file; None if the file has faults, which are reported.

        Args:
            root: the content of the file.
            name: the name of the pipeline if the file does not name it.
        """
        given = LIST_FORM.read(root, "the pipeline", self._faults)
        if (steps := root.get("steps")) is None:
            return None
        about = {"name": name} | {key: value for key, value in given.items() if key != "steps"}
        return self._pipeline(steps, "the pipeline", about)

    def _pipeline(self, tree: Tree, what: str, about: Mapping[str, object] | None = None) -> Pipeline | None:
        if not isinstance(tree, Listing) or not tree.items:
            hint = "write a list, with '- ' before each step"
            add_wrong(tree, f"the steps of {what}", "a list of steps with at least one", self._faults, hint=hint)
            return None
        items, fails = list(tree.items), False
        if isinstance(last := items[-1], Scalar) and last.value in _ENDS and len(items) > 1:
            items, fails = items[:-1], last.value == "fail"
        names = _Names(items)
        steps: list[Step | None] = []
        for number, item in enumerate(items, 1):
            end = {"terminate_with_failure": True} if fails and number == len(items) else {}
            steps.append(self._step(item, f"item {number} of the steps of {what}", names, end))
        self._check_names(items)
        known = [step for step in steps if step is not None]
        return self._objects.pipeline(known, tree.span, about) if known else None

    def _check_names(self, items: list[Tree]) -> None:
        seen: dict[str, Tree] = {}
        for item in items:
            name = item.get("name") if isinstance(item, Keyed) else None
            if not isinstance(name, Scalar):
                continue
            if (other := seen.setdefault(name.text, name)) is not name:
                self._faults.add(
                    codes.DUPLICATE_STEP, name.span, f"two steps of one list have the name '{name.text}'",
                    hint="give each its own name", also=[(other.span, "the first of them")],
                )  # fmt: skip

    def _step(self, tree: Tree, what: str, names: _Names, end: Mapping[str, object]) -> Step | None:
        if not isinstance(tree, Keyed):
            hint = f"write a step such as {{python: package.function}}, with one of {', '.join(LIST_KINDS)}"
            if isinstance(tree, Scalar) and tree.value in _ENDS:
                hint = f"'{tree.value}' can only follow a step: put it last in the list"
            add_wrong(tree, what, "a step", self._faults, hint=hint)
            return None
        kinds = [key for key, _ in tree.entries if key.text in LIST_KINDS]
        if len(kinds) != 1:
            self._add_kinds(tree, what, kinds)
            return None
        kind = kinds[0].text
        name = names.take(tree, kind)
        what = f"step '{name}'"
        given = Record(LIST_KINDS[kind], meant=MEANT).read(tree, what, self._faults)
        common = {"name": name, **end}
        if (handler := tree.get("on_failure")) is not None:
            common["on_failure"] = self._pipeline(handler, f"on_failure of {what}")
        match kind:
            case "map" | "loop" | "parallel" | "if":
                return self._composite(kind, tree, given, common, what)
            case "stub":
                return self._objects.make(Stub, common, tree.span)
        work = given.pop(kind, "")
        for key in ("name", "on_failure"):
            given.pop(key, None)
        task = self._objects.with_catalog(given, tree.span) | common
        value = tree.get(kind)
        assert value is not None
        match kind:
            case "python":
                return self._objects.make(PythonTask, {"function": work, **task}, tree.span, {"function": value})
            case "notebook":
                return self._objects.make(NotebookTask, {"notebook": work, **task}, tree.span)
        return self._objects.make(ShellTask, {"command": work, **task}, tree.span)

    def _add_kinds(self, tree: Keyed, what: str, kinds: list[Scalar]) -> None:
        """Report a step that does not have exactly one key of `LIST_KINDS`, which determines the step's kind."""
        if kinds:
            first, second = kinds[:2]
            message = f"{what} has both '{first.text}' and '{second.text}'"
            self._faults.add(codes.YAML_KEY, second.span, message, hint="keep one of them, or write two steps")
            return
        known = {*MEANT, *(name for fields in LIST_KINDS.values() for name in fields)}
        for key, _ in tree.entries:
            near = closest(key.text, LIST_KINDS) if key.text not in known else None
            if near or key.text in ("conditional", "function", "command"):
                hint = did_you_mean(near) if near else MEANT[key.text]
                self._faults.add(codes.YAML_KEY, key.span, f"{what} has no key '{key.text}'", hint=hint)
                return
        hint = f"write one of {', '.join(f'{kind}:' for kind in LIST_KINDS)}"
        self._faults.add(codes.YAML_KEY, tree.span, f"{what} has no work", hint=hint)

    def _composite(
        self, kind: str, tree: Keyed, given: Mapping[str, object], common: Mapping[str, object], what: str
    ) -> Step | None:
        make, steps = self._objects.make, tree.get("steps")
        branch = self._pipeline(steps, what) if steps is not None else None
        match kind:
            case "map":
                made = {"branch": branch, "iterate_on": given.get("map"), "iterate_as": given.get("as")}
                values = {}
                if (reducer := tree.get("reducer")) is not None:
                    made["reducer"], values = given["reducer"], {"reducer": reducer}
                return make(Map, {**made, **common}, tree.span, values)
            case "loop":
                made = {"branch": branch, "max_iterations": given.get("loop"), "break_on": given.get("until")}
                values = {"break_on": until} if (until := tree.get("until")) is not None else {}
                return make(Loop, {**made, "index_as": given.get("as", ""), **common}, tree.span, values)
            case "parallel":
                value = tree.get("parallel")
                assert value is not None
                branches = self._objects.branches(value, what, self._pipeline)
                return make(Parallel, {"branches": branches, **common}, tree.span)
        return self._condition(tree, given, common, what)

    def _condition(
        self, tree: Keyed, given: Mapping[str, object], common: Mapping[str, object], what: str
    ) -> Step | None:
        then, choices, otherwise = tree.get("then"), tree.get("is"), tree.get("else")
        branches: dict[str | int | float | bool, Pipeline | None] = {}
        if choices is not None:
            branches = self._objects.choices(choices, what, self._pipeline)
        if then is not None:
            branches = {True: self._pipeline(then, f"then of {what}")}
        if (then is None) == (choices is None):
            message = (
                f"{what} has {'neither' if then is None else 'both'} 'then' {'nor' if then is None else 'and'} 'is'"
            )
            hint = "write then: with the steps for a true value, or is: with a list of steps for each value"
            self._faults.add(codes.YAML_KEY, tree.span, message, hint=hint)
        default = self._pipeline(otherwise, f"else of {what}") if otherwise is not None else None
        if then is not None and otherwise is None:
            stub = self._objects.make(Stub, {"name": "else"}, tree.span)
            default = self._objects.pipeline([stub] if stub is not None else [], tree.span)
        made = {"parameter": given.get("if"), "branches": branches, "default": default}
        return self._objects.make(Conditional, {**made, **common}, tree.span)


@final
class _Names:
    """The names of the steps of one list. A step without a name in the file gets the name of its function or
    command."""

    def __init__(self, items: list[Tree]) -> None:
        names = (item.get("name") for item in items if isinstance(item, Keyed))
        self._taken = Counter(name.text for name in names if isinstance(name, Scalar))

    def take(self, step: Keyed, kind: str) -> str:
        """Return the name of a step: the name in the file, otherwise a generated name, which is unique in the list."""
        name = step.get("name")
        if isinstance(name, Scalar) and name.text:
            return name.text
        value = step.get(kind)
        own = _default_name(kind, value.text if isinstance(value, Scalar) else "")
        self._taken[own] += 1
        return own if self._taken[own] == 1 else f"{own}_{self._taken[own]}"


def _default_name(kind: str, text: str) -> str:
    match kind:
        case "python":
            return text.replace(":", ".").rpartition(".")[2] or kind
        case "shell" | "notebook":
            return title_of(text)
        case "stub":
            return text or kind
    return f"{kind}_{text}" if kind in ("map", "if") and text else kind
