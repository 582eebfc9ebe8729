"""The decorators of a flow as objects, created from its IR, and the calls of their hooks before and after a run."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, final

from flowc_ir import json_text
from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.run.program import method_name
from flowc_runtime.run.state import GRAPH
from flowc_runtime.store.values.parameters import shortened
from metaflow import _extensions
from metaflow._legacy import stand_ins
from metaflow._legacy.base import Decorator, FlowDecorator, StepDecorator
from metaflow._legacy.known import legacy, note_begun
from metaflow.decorators import applied_to
from metaflow.exception import MetaflowException
from metaflow.graph import FlowGraph
from metaflow.user_decorators._errors import PreparationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flowc_ir import Flow, Node, Span
    from flowc_ir.policies import Plugin
    from metaflow.decorators import Applied

PACKAGING = ("package_init", "add_to_package")
"""Hooks that are called when a code package is created. Local runs create no code package and do not call these
hooks."""

UNSUPPORTED = {
    "runtime_step_cli": "flowc starts each task itself: set os.environ in task_pre_step",
    "runtime_task_created": "task_pre_step is called in each task",
}
"""Hooks that flowc does not call.

A decorator that defines one of these hooks is rejected; the error names the alternative given here.
"""


Parse: TypeAlias = "Callable[[Sequence[str]], Sequence[Applied]]"
"""Parses decorators written as in `--with`."""

_Decorator = TypeVar("_Decorator", bound=Decorator)


class Added(NamedTuple):
    """A decorator that a hook has added to a step.

    Attributes:
        name: the name of the decorator.
        attributes: its arguments by name.
        plugin: whether the decorator comes from an extension; otherwise it is built in.
    """

    name: str
    attributes: Mapping[str, object]
    plugin: bool


@final
class FlowHooks:
    """The decorator objects of a flow that come from extensions. The methods of this class call the hooks of the
    decorators.

    Args:
        cls: the flow's class.
        ir: the intermediate representation.
        root: the directory of the flow's code, for the file paths in errors.
        parse: parses decorators written as in `--with`. While the front end lowers the flow, decorators that hooks add
            to steps become part of the flow. In a pod, `parse` is None, since the compiled flow already contains the
            decorators that hooks have added.

    Raises:
        PreparationError: a decorator cannot be created.
    """

    def __init__(self, cls: type[object], ir: Flow, root: str, parse: Parse | None) -> None:
        self.ir = ir
        self.root = root
        self.parse = parse
        self.graph = FlowGraph(ir)
        self.flow: object = object.__new__(cls)
        self.flow.__dict__[GRAPH] = self.graph
        self.nodes = ir.by_id()
        self.of_flow = [self._make(plugin, ir.where, FlowDecorator) for plugin in ir.plugins]
        self.of_step: dict[str, list[StepDecorator]] = {
            name: [self._make(plugin, self.nodes[name].where, StepDecorator) for plugin in self.nodes[name].plugins]
            for name in self.graph.nodes
            if self.nodes[name].plugins
        }
        for name, node in self.graph.nodes.items():
            node.decorators[:] = self._decorators(name)
        self._known = {name: list(node.decorators) for name, node in self.graph.nodes.items()}
        self.added: dict[str, list[Added]] = {}

    def _make(self, plugin: Plugin, where: Span, base: type[_Decorator]) -> _Decorator:
        with self.placing_errors(plugin.name, "making", where):
            cls = _extensions.decorator_class(plugin.name, "flow" if base is FlowDecorator else "step")
            if not issubclass(cls, base):
                raise MetaflowException(f"it does not derive from {base.__name__}")
            return cls(attributes=json_text.mapping(plugin.attributes), statically_defined=plugin.written)

    def begin(self) -> None:
        """Call `init`, `flow_init` and `step_init` of all decorators.

        Raises:
            PreparationError: a hook fails, or a hook adds an object that is not a decorator to a step.
        """
        note_begun(type(self.flow), self.of_flow)
        with beginning(self):
            self._begin()

    def _begin(self) -> None:
        environment, metadata = stand_ins.Environment(), stand_ins.Metadata()
        store = stand_ins.FlowDatastore(self.ir.name)
        for of_flow, plugin in zip(self.of_flow, self.ir.plugins, strict=True):
            with self.placing_errors(plugin.name, "init", self.ir.where):
                of_flow.external_init()
            options = json_text.mapping(plugin.options)
            with self.placing_errors(plugin.name, "flow_init", self.ir.where):
                of_flow.flow_init(
                    self.flow, self.graph, environment, store, metadata, stand_ins.logger, stand_ins.echo, options
                )
                self._check_added()
        self._take_added()
        waiting = list(self._all())
        while waiting:  # added decorators are initialised after the decorator that added them
            for name, decorator in waiting:
                with self.placing_errors(decorator.name, "init", self.nodes[name].where):
                    decorator.external_init()
            for name, decorator in waiting:
                beside = self.graph[name].decorators
                with self.placing_errors(decorator.name, "step_init", self.nodes[name].where):
                    decorator.step_init(self.flow, self.graph, name, beside, environment, store, stand_ins.logger)
                    self._check_added()
            waiting = self._take_added()

    def _check_added(self) -> None:
        """Raise MetaflowException if a hook has added an object that is not a decorator to a step."""
        for name, node in self.graph.nodes.items():
            for decorator in node.decorators:
                if any(decorator is other for other in self._known[name]) or _is_step_decorator(decorator):
                    continue
                raise MetaflowException(
                    f"it has added {shortened(decorator)} to the decorators of step '{name}', but this object is not a "
                    "decorator of steps: add an object of a class that derives from StepDecorator"
                )

    def _take_added(self) -> list[tuple[str, StepDecorator]]:
        """Hooks can add decorators to steps. Collect the decorators that were added since the last call, and return
        (step, decorator) for those that have hooks themselves."""
        added: list[tuple[str, StepDecorator]] = []
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
                    added.append((name, decorator))
        return added

    def task_options(self) -> list[dict[str, Any]]:
        """Return the option values of the flow decorators in tasks: one dict per decorator, in the order of
        `ir.plugins`.

        Raises:
            PreparationError: `get_top_level_options` fails.
        """
        values = []
        for decorator in self.of_flow:
            with self.placing_errors(decorator.name, "get_top_level_options", self.ir.where):
                values.append(dict(decorator.get_top_level_options()))
        return values

    def retries(self, node: Node) -> int:
        """Return the largest number of retries that a decorator of the step requests.

        Raises:
            PreparationError: a decorator fails, does not return a whole number, or requests attempts after the step's
                last attempt.
        """
        most = 0
        for decorator in self.of_step.get(node.id, ()):
            with self.placing_errors(decorator.name, "step_task_retry_count", node.where):
                times, more = decorator.step_task_retry_count()
                if more:
                    raise MetaflowException(
                        f"it requests {more} attempts after the step's last attempt; use @catch or @retry"
                    )
                if not hasattr(times, "__index__"):
                    raise MetaflowException(f"it requests {times!r} further attempts, which is not a whole number")
                most = max(most, int(times))
        return most

    def become(self, ir: Flow) -> None:
        """Replace the flow by a flow that contains the decorators added during initialisation."""
        self.ir, self.nodes = ir, ir.by_id()

    def run_begins(self, run_id: str) -> None:
        """Call `runtime_init` of all decorators.

        Raises:
            PreparationError: a hook fails.
        """
        for name, decorator in self._all():
            with self.placing_errors(decorator.name, "runtime_init", self.nodes[name].where):
                decorator.runtime_init(self.flow, self.graph, stand_ins.Package(), run_id)

    def run_ended(self, error: BaseException | None) -> None:
        """Call `runtime_finished` of all decorators; `error` is None if the run succeeded.

        Raises:
            PreparationError: a hook fails.
        """
        for name, decorator in self._all():
            with self.placing_errors(decorator.name, "runtime_finished", self.nodes[name].where):
                decorator.runtime_finished(error)

    @contextmanager
    def placing_errors(self, name: str, hook: str, where: Span) -> Iterator[None]:
        """Convert an exception of a hook to an error that names the hook, its decorator and the line in the source."""
        try:
            yield
        except Exception as error:
            raise PreparationError(f"{hook} of @{name}", f"{self.root}/{where.file}", where.line) from error

    def _all(self) -> Iterator[tuple[str, StepDecorator]]:
        return ((name, decorator) for name, group in self.of_step.items() for decorator in group)

    def _decorators(self, name: str) -> list[object]:
        """Return all decorators of a step, including built-in decorators, the innermost first."""
        own = iter(self.of_step.get(name, ()))
        decorators: list[object] = []
        for applied in applied_to(getattr(type(self.flow), method_name(self.nodes[name]))):
            if legacy(applied.name, "step") is not None:
                decorators += [one for one in [next(own, None)] if one is not None]
            elif applied.name != "step":
                decorators.append(stand_ins.make_builtin(applied.name, applied.kwargs, written=applied.line > 0))
        return [*decorators, *own]


def _is_step_decorator(value: object) -> bool:
    """Return whether an object is a step decorator with a name and attributes that can be recorded."""
    if not isinstance(value, (StepDecorator, stand_ins.BuiltinDecorator)):
        return False
    name: object = value.name
    return isinstance(name, str) and isinstance(getattr(value, "attributes", None), Mapping)


_beginning: list[FlowHooks] = []


@contextmanager
def beginning(hooks: FlowHooks) -> Iterator[None]:
    """Make `hooks` the active hooks during the `with` block.

    Inside the block, `_graph` of each flow object is the graph that the hooks get.
    """
    cls = type(hooks.flow)
    _beginning.append(hooks)
    setattr(cls, GRAPH, hooks.graph)
    try:
        yield
    finally:
        delattr(cls, GRAPH)
        _beginning.pop()


def attach_decorators(step: Any, specs: Sequence[str]) -> None:
    """Add decorators, each written as in `--with`, to a step that does not have a decorator of the same name.

    Raises:
        MetaflowException: the function is called outside of the hooks `flow_init` and `step_init`, or a decorator is
            unknown.
    """
    if not _beginning:
        raise MetaflowException("decorators can be attached to a step in flow_init and step_init only")
    hooks = _beginning[-1]
    if hooks.parse is None:  # in a pod, the compiled flow already contains the decorators
        return
    node = hooks.graph[step.__name__]
    try:
        added = hooks.parse(specs)
    except ValueError as error:
        raise MetaflowException(str(error)) from error
    for applied in added:
        cls = legacy(applied.name, "step")
        repeatable = cls.allow_multiple if cls is not None else applied.name == "card"
        if repeatable or all(other.name != applied.name for other in node.decorators):
            made = cls(attributes=applied.kwargs) if cls else None
            node.decorators.append(made or stand_ins.make_builtin(applied.name, applied.kwargs, written=False))


def unsupported_hooks(cls: type) -> Mapping[str, str]:
    """Return the hooks of a class that flowc never calls: a dict from the hook's name to an alternative."""
    return {name: hint for name, hint in UNSUPPORTED.items() if hasattr(cls, name)}
