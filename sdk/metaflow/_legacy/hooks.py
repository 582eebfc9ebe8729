"""The decorators of one flow as objects, made of its IR, and the hooks that are called before a run and around it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, final

from flowc.ir import json_text
from flowc_runtime.program import method_name
from metaflow import _extensions
from metaflow._legacy import stand_ins
from metaflow._legacy.base import FlowDecorator, StepDecorator
from metaflow.decorators import applied_to
from metaflow.exception import MetaflowException
from metaflow.graph import FlowGraph
from metaflow.user_decorators._errors import PreparationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowc.ir import Flow, Node, Span
    from flowc.ir.policies import Plugin

UNSUPPORTED = {
    "package_init": "files of the flow's directory and of extensions travel with it",
    "add_to_package": "files of the flow's directory and of extensions travel with it",
    "runtime_step_cli": "a task is a process of flowc's own: set os.environ in task_pre_step",
    "runtime_task_created": "task_pre_step is called in each task",
}
"""Hooks that are not called: a decorator that has one is refused, with what to do instead."""


@final
class FlowHooks:
    """The decorators of extensions that a flow has. `root` is where its code is, for the places of faults."""

    def __init__(self, cls: type[Any], ir: Flow, root: str) -> None:
        self.ir = ir
        self.root = root
        self.flow: Any = object.__new__(cls)
        self.graph = FlowGraph(ir)
        self.nodes = ir.by_id()
        self.of_flow = [self._make(plugin, ir.where, FlowDecorator) for plugin in ir.plugins]
        self.of_step: dict[str, list[Any]] = {
            name: [self._make(plugin, self.nodes[name].where, StepDecorator) for plugin in self.nodes[name].plugins]
            for name in self.graph.nodes
            if self.nodes[name].plugins
        }

    def _make(self, plugin: Plugin, where: Span, base: type) -> Any:
        with self.told(plugin.name, "making", where):
            cls: Any = _extensions.decorator_class(plugin.name)
            if not issubclass(cls, base):
                raise MetaflowException(f"it does not derive from {base.__name__}")
            return cls(attributes=json_text.loads(plugin.attributes), statically_defined=plugin.written)

    def begin(self) -> None:
        """Call `init`, `flow_init` and `step_init` of all. Raises PreparationError where one fails."""
        environment, store, metadata = stand_ins.Environment(), stand_ins.FlowDatastore(), stand_ins.Metadata()
        for decorator, plugin in zip(self.of_flow, self.ir.plugins, strict=True):
            with self.told(plugin.name, "init", self.ir.where):
                decorator.external_init()
            options = json_text.loads(plugin.options)
            with self.told(plugin.name, "flow_init", self.ir.where):
                decorator.flow_init(
                    self.flow, self.graph, environment, store, metadata, stand_ins.logger, stand_ins.echo, options
                )
        for name, decorator in self._all():
            with self.told(decorator.name, "init", self.nodes[name].where):
                decorator.external_init()
        for name, decorator in self._all():
            beside = self._decorators(name)
            with self.told(decorator.name, "step_init", self.nodes[name].where):
                decorator.step_init(self.flow, self.graph, name, beside, environment, store, stand_ins.logger)

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
                most = max(most, times)
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
        own = iter(self.of_step[name])
        found: list[Any] = []
        for applied in applied_to(getattr(type(self.flow), method_name(self.nodes[name]))):
            if legacy(applied.name) is not None:
                found += [one for one in [next(own, None)] if one is not None]
            elif applied.name != "step":
                found.append(stand_ins.BuiltinDecorator(applied.name, applied.kwargs))
        return [*found, *own]


def legacy(name: str) -> type[Any] | None:
    """The class of a decorator of an extension, if it is of the older form."""
    if name not in _extensions.decorators:
        return None
    found = _extensions.decorator_class(name)
    return found if issubclass(found, (StepDecorator, FlowDecorator)) else None


def unsupported_hooks(cls: type) -> Mapping[str, str]:
    """The hooks of a class that flowc does not call, each with what to do instead."""
    return {name: hint for name, hint in UNSUPPORTED.items() if hasattr(cls, name)}
