"""The decorators of one flow as objects, made of its IR, and the hooks that are called before a run and around it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, final

from flowc_ir import json_text
from flowc_runtime.run.program import method_name
from flowc_runtime.store.values.parameters import shortened
from metaflow import _extensions
from metaflow._legacy import stand_ins
from metaflow._legacy.base import FlowDecorator, StepDecorator
from metaflow.decorators import applied_to
from metaflow.exception import MetaflowException
from metaflow.flowspec import GRAPH
from metaflow.graph import FlowGraph
from metaflow.user_decorators._errors import PreparationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flowc_ir import Flow, Node, Span
    from flowc_ir.policies import Plugin
    from metaflow.decorators import Applied

PACKAGING = ("package_init", "add_to_package")
"""Hooks that are called where a code package is made, which a run on this machine does without."""

UNSUPPORTED = {
    "runtime_step_cli": "a task is a process of flowc's own: set os.environ in task_pre_step",
    "runtime_task_created": "task_pre_step is called in each task",
}
"""Hooks that are not called: a decorator that has one is refused, with what to do instead."""


Parse: TypeAlias = "Callable[[Sequence[str]], Sequence[Applied]]"
"""Reads decorators as `--with` has them."""


class Added(NamedTuple):
    """A decorator that a hook has put on a step: of an extension (`plugin`), or one of Metaflow's own."""

    name: str
    attributes: Mapping[str, Any]
    plugin: bool


@final
class FlowHooks:
    """The decorators of extensions that a flow has. `root` is where its code is, for the places of faults.

    With `parse` the flow is being lowered: what hooks add to the decorators of steps becomes part of it. In a pod it
    already is.
    """

    def __init__(self, cls: type[Any], ir: Flow, root: str, parse: Parse | None) -> None:
        self.ir = ir
        self.root = root
        self.parse = parse
        self.graph = FlowGraph(ir)
        self.flow: Any = object.__new__(cls)
        self.flow.__dict__[GRAPH] = self.graph
        self.nodes = ir.by_id()
        self.of_flow = [self._make(plugin, ir.where, FlowDecorator) for plugin in ir.plugins]
        self.of_step: dict[str, list[Any]] = {
            name: [self._make(plugin, self.nodes[name].where, StepDecorator) for plugin in self.nodes[name].plugins]
            for name in self.graph.nodes
            if self.nodes[name].plugins
        }
        for name, node in self.graph.nodes.items():
            node.decorators[:] = self._decorators(name)
        self._known = {name: list(node.decorators) for name, node in self.graph.nodes.items()}
        self.added: dict[str, list[Added]] = {}

    def _make(self, plugin: Plugin, where: Span, base: type) -> Any:
        with self.told(plugin.name, "making", where):
            cls: Any = _extensions.decorator_class(plugin.name, "flow" if base is FlowDecorator else "step")
            if not issubclass(cls, base):
                raise MetaflowException(f"it does not derive from {base.__name__}")
            return cls(attributes=json_text.loads(plugin.attributes), statically_defined=plugin.written)

    def begin(self) -> None:
        """Call `init`, `flow_init` and `step_init` of all. Raises PreparationError where one fails."""
        _latest[type(self.flow)] = self
        with beginning(self):
            self._begin()

    def _begin(self) -> None:
        environment, metadata = stand_ins.Environment(), stand_ins.Metadata()
        store = stand_ins.FlowDatastore(self.ir.name)
        for decorator, plugin in zip(self.of_flow, self.ir.plugins, strict=True):
            with self.told(plugin.name, "init", self.ir.where):
                decorator.external_init()
            options = json_text.loads(plugin.options)
            with self.told(plugin.name, "flow_init", self.ir.where):
                decorator.flow_init(
                    self.flow, self.graph, environment, store, metadata, stand_ins.logger, stand_ins.echo, options
                )
                self._check_added()
        self._take_added()
        waiting = list(self._all())
        while waiting:  # those that one of them adds begin after it
            for name, decorator in waiting:
                with self.told(decorator.name, "init", self.nodes[name].where):
                    decorator.external_init()
            for name, decorator in waiting:
                beside = self.graph[name].decorators
                with self.told(decorator.name, "step_init", self.nodes[name].where):
                    decorator.step_init(self.flow, self.graph, name, beside, environment, store, stand_ins.logger)
                    self._check_added()
            waiting = self._take_added()

    def _check_added(self) -> None:
        """Raise MetaflowException if a hook has put something among the decorators of a step that is none."""
        for name, node in self.graph.nodes.items():
            for decorator in node.decorators:
                if any(decorator is other for other in self._known[name]) or _is_step_decorator(decorator):
                    continue
                raise MetaflowException(
                    f"it has put {shortened(decorator)} among the decorators of step '{name}', which is no decorator "
                    "of steps: write the object of a class that derives from StepDecorator"
                )

    def _take_added(self) -> list[tuple[str, Any]]:
        """Note what hooks have added to the decorators of steps; those of them that have hooks."""
        begun: list[tuple[str, Any]] = []
        for name, node in self.graph.nodes.items():
            for decorator in node.decorators:
                if any(decorator is other for other in self._known[name]):
                    continue
                self._known[name].append(decorator)
                if self.parse is None:
                    continue
                plugin = legacy(decorator.name, "step") is not None
                self.added.setdefault(name, []).append(Added(decorator.name, dict(decorator.attributes), plugin))
                if plugin:
                    self.of_step.setdefault(name, []).append(decorator)
                    begun.append((name, decorator))
        return begun

    def task_options(self) -> list[dict[str, Any]]:
        """What each decorator of the flow says of its options in the tasks."""
        found = []
        for decorator in self.of_flow:
            with self.told(decorator.name, "get_top_level_options", self.ir.where):
                found.append(dict(decorator.get_top_level_options()))
        return found

    def retries(self, node: Node) -> int:
        """How many further attempts a step's decorators ask for."""
        most = 0
        for decorator in self.of_step.get(node.id, ()):
            with self.told(decorator.name, "step_task_retry_count", node.where):
                times, more = decorator.step_task_retry_count()
                if more:
                    raise MetaflowException(
                        f"it asks for {more} attempts after the last of the step's own; write @catch, or @retry"
                    )
                if not hasattr(times, "__index__"):
                    raise MetaflowException(f"it asks for {times!r} further attempts, which is no whole number")
                most = max(most, int(times))
        return most

    def become(self, ir: Flow) -> None:
        """Take the flow as it is now that its decorators have begun."""
        self.ir, self.nodes = ir, ir.by_id()

    def run_begins(self, run_id: str) -> None:
        """Call `runtime_init` of all."""
        for name, decorator in self._all():
            with self.told(decorator.name, "runtime_init", self.nodes[name].where):
                decorator.runtime_init(self.flow, self.graph, stand_ins.Package(), run_id)

    def run_ended(self, error: BaseException | None) -> None:
        """Call `runtime_finished` of all."""
        for name, decorator in self._all():
            with self.told(decorator.name, "runtime_finished", self.nodes[name].where):
                decorator.runtime_finished(error)

    @contextmanager
    def told(self, name: str, hook: str, where: Span) -> Iterator[None]:
        """Say which hook has failed, of which decorator and where."""
        try:
            yield
        except Exception as error:
            raise PreparationError(f"{hook} of @{name}", f"{self.root}/{where.file}", where.line) from error

    def _all(self) -> Iterator[tuple[str, Any]]:
        return ((name, decorator) for name, several in self.of_step.items() for decorator in several)

    def _decorators(self, name: str) -> list[Any]:
        """All decorators of a step, from the inside out, Metaflow's own among them."""
        own = iter(self.of_step.get(name, ()))
        found: list[Any] = []
        for applied in applied_to(getattr(type(self.flow), method_name(self.nodes[name]))):
            if legacy(applied.name, "step") is not None:
                found += [one for one in [next(own, None)] if one is not None]
            elif applied.name != "step":
                found.append(stand_ins.make_builtin(applied.name, applied.kwargs, written=applied.line > 0))
        return [*found, *own]


def _is_step_decorator(value: object) -> bool:
    """Whether it has what is noted of a decorator."""
    if not isinstance(value, (StepDecorator, stand_ins.BuiltinDecorator)):
        return False
    name: object = value.name
    return isinstance(name, str) and isinstance(getattr(value, "attributes", None), Mapping)


_beginning: list[FlowHooks] = []
_latest: dict[type, FlowHooks] = {}


def begun(cls: type) -> list[Any]:
    """The decorators of extensions of a flow's class, as they have begun in this process."""
    hooks = _latest.get(cls)
    return hooks.of_flow if hooks is not None else []


@contextmanager
def beginning(hooks: FlowHooks) -> Iterator[None]:
    """Let these hooks be those that are called before a run; a flow that asks for its graph gets theirs."""
    cls = type(hooks.flow)
    _beginning.append(hooks)
    setattr(cls, GRAPH, hooks.graph)
    try:
        yield
    finally:
        delattr(cls, GRAPH)
        _beginning.pop()


def attach_decorators(step: Any, specs: Sequence[str]) -> None:
    """Put decorators on a step, each as `--with` has it; one that the step has is left as it is.

    Raises:
        MetaflowException: not in a hook that comes before a run, or there is no such decorator.
    """
    if not _beginning:
        raise MetaflowException("decorators can be attached to a step in flow_init and step_init only")
    hooks = _beginning[-1]
    if hooks.parse is None:  # in a pod: the flow was compiled with them
        return
    node = hooks.graph[step.__name__]
    try:
        given = hooks.parse(specs)
    except ValueError as error:
        raise MetaflowException(str(error)) from error
    for applied in given:
        cls = legacy(applied.name, "step")
        several = cls.allow_multiple if cls is not None else applied.name == "card"
        if several or all(other.name != applied.name for other in node.decorators):
            made = cls(attributes=applied.kwargs) if cls else None
            node.decorators.append(made or stand_ins.make_builtin(applied.name, applied.kwargs, written=False))


def legacy(name: str, kind: str) -> type[Any] | None:
    """The class of a decorator of an extension, of a `step` or a `flow`, if it is of the older form."""
    if kind not in _extensions.decorators.get(name, ()):
        return None
    found = _extensions.decorator_class(name, kind)
    return found if issubclass(found, StepDecorator if kind == "step" else FlowDecorator) else None


def unsupported_hooks(cls: type) -> Mapping[str, str]:
    """The hooks of a class that flowc does not call, each with what to do instead."""
    return {name: hint for name, hint in UNSUPPORTED.items() if hasattr(cls, name)}
