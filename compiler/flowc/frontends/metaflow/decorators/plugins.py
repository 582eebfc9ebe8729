"""Read the decorators of extensions that use Metaflow's older API for decorators into the IR's `Plugin`s."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from flowc.frontends.metaflow.decorators.reader import ArgumentKind, canonical
from flowc_ir import Plugin, codes, json_text
from flowc_ir.late.dataclass import replace
from metaflow import _extensions

if TYPE_CHECKING:
    from flowc.frontends.metaflow.decorators.reader import Reader
    from metaflow._legacy.base import Decorator, FlowDecorator
    from metaflow.decorators import Applied


def plugin_class(name: str, kind: str) -> type[Decorator] | None:
    """Return the class of the extension's decorator with this name; None if no extension has such a decorator.

    Args:
        name: the decorator's name.
        kind: `step` or `flow`.

    Raises:
        ExtensionError: the class cannot be loaded.
    """
    if name not in _extensions.decorators:
        return None
    from metaflow._legacy.known import legacy

    return legacy(name, kind)


def is_json(value: object) -> bool:
    """Return whether JSON can represent the value."""
    try:
        json_text.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


def read_plugin(reader: Reader, applied: Applied, cls: type[Decorator]) -> Plugin | None:
    """Convert one use of an extension's decorator to a `Plugin` of the IR. Return None if the decorator has a fault,
    which is reported.

    Args:
        reader: reads decorators of the class or step and collects their faults.
        applied: the decorator as it was applied, with its arguments.
        cls: the class of the decorator.
    """
    from metaflow._legacy.hooks import unsupported_hooks

    kind = ArgumentKind(
        "a value that JSON can hold", is_json, "it is sent to every pod: use a string, a number, a list or a dict"
    )
    table = dict.fromkeys(cls.defaults, kind)
    arguments = reader.arguments(applied, table)
    hooks = unsupported_hooks(cls)
    for hook, hint in hooks.items():
        reader.faults.add(
            codes.UNSUPPORTED_FEATURE,
            reader.span(applied),
            f"@{applied.name} has the hook {hook}, which flowc does not call",
            hint=hint,
        )
    if arguments is None or hooks:
        return None
    return Plugin(name=applied.name, attributes=canonical(arguments), written=applied.line > 0)


def read_flow_plugin(reader: Reader, applied: Applied, owner: type) -> Plugin | None:
    """Convert an extension's decorator of a flow's class to a `Plugin`, with the values of the decorator's options.

    Return None if the decorator has a fault, which is reported.

    Args:
        reader: reads decorators of the class and collects their faults.
        applied: the decorator as it was applied, with its arguments.
        owner: the flow's class. The command line has stored the values of the decorator's options in this class.
    """
    cls = cast("type[FlowDecorator]", plugin_class(applied.name, "flow"))
    plugin = read_plugin(reader, applied, cls)
    if plugin is None or not cls.options:
        return plugin
    from metaflow._legacy.options import values

    options = values(cls, owner)
    for name, value in options.items():
        if not is_json(value):
            reader.faults.add(
                codes.BAD_ARGUMENT,
                reader.span(applied),
                f"@{applied.name}: JSON cannot hold the option {name}, {value!r}",
                hint="it is sent to every pod: make it a string or a number",
            )
            return None
    return replace(plugin, options=canonical(options))
