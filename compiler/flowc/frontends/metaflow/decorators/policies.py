"""Read the decorators of a step into policies of the IR. Each argument is checked against a table of allowed values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from flowc.frontends.metaflow.decorators.cards import CARD, read_card
from flowc.frontends.metaflow.decorators.kubernetes import KUBERNETES, amounts, largest, read_kubernetes
from flowc.frontends.metaflow.decorators.plugins import plugin_class, read_plugin
from flowc.frontends.metaflow.decorators.reader import BOOL as _BOOL
from flowc.frontends.metaflow.decorators.reader import CORES as _CORES
from flowc.frontends.metaflow.decorators.reader import COUNT as _COUNT
from flowc.frontends.metaflow.decorators.reader import DURATION as _DURATION
from flowc.frontends.metaflow.decorators.reader import JSON as _JSON
from flowc.frontends.metaflow.decorators.reader import MIB as _MIB
from flowc.frontends.metaflow.decorators.reader import ArgumentKind, Reader, decimal_text, optional, shown
from flowc.frontends.metaflow.decorators.secrets import SECRETS, read_secrets
from flowc_ir import Catch, Foreach, Gang, Resources, Retry, Switch, Timeout, codes
from flowc_ir.policies import ELSEWHERE
from flowc_runtime.store.values.parameters import to_text
from metaflow.decorators import COMMAND_LINE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from flowc.frontends.metaflow.structure.steps import StepMethod
    from flowc_ir import Plugin, Transition
    from flowc_ir.diagnostic import Faults
    from metaflow.decorators import Applied

__all__ = ["SEVERAL", "STEP_DECORATORS", "ArgumentKind", "Reader", "check_misplaced", "policies", "shown"]


def _is_environment(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(name, str)
        and isinstance(text, (str, int, float))
        and name
        and "=" not in name
        and "\0" not in f"{name}{text}"
        for name, text in value.items()
    )


# Only the names of these arguments are checked, as in Metaflow.
_ANY: Final = ArgumentKind("anything", lambda value: True)
_OF_BATCH: Final = (
    "cpu", "gpu", "memory", "image", "queue", "iam_role", "execution_role", "shared_memory", "max_swap", "swappiness",
    "inferentia", "trainium", "efa", "host_volumes", "efs_volumes", "use_tmpfs", "aws_batch_tags", "tmpfs_tempdir",
    "tmpfs_size", "tmpfs_path", "ephemeral_storage", "log_driver", "log_options", "executable", "privileged",
)  # fmt: skip

STEP_DECORATORS: Final[Mapping[str, Mapping[str, ArgumentKind]]] = {
    "step": {"start": _BOOL, "end": _BOOL, "node_info": _JSON},
    "parallel": {},
    "unbounded_test_foreach_internal": {},
    "retry": {"times": _COUNT, "minutes_between_retries": _DURATION},
    "catch": {
        "var": ArgumentKind("an artifact's name", lambda v: v is None or (isinstance(v, str) and v.isidentifier())),
        "print_exception": _BOOL,
    },
    "timeout": {"seconds": _DURATION, "minutes": _DURATION, "hours": _DURATION},
    "resources": {
        "cpu": _CORES,
        "gpu": optional(ArgumentKind("a whole number", _COUNT.accepts)),
        "disk": _MIB,
        "memory": _MIB,
        "shared_memory": _MIB,
    },
    "environment": {"vars": ArgumentKind("a dict from names to texts or numbers", _is_environment)},
    "kubernetes": KUBERNETES,
    "secrets": SECRETS,
    "card": CARD,
    "cache": {},
    "batch": dict.fromkeys(_OF_BATCH, _ANY),
}
SEVERAL: Final = frozenset({"card"})
"""Decorators that a step may have more than once."""

ENVIRONMENTS: Final = ("pypi", "conda")  # `environments` reads these, and their forms for a flow's class


_UNCATCHABLE: Final[Mapping[type, tuple[str, str]]] = {
    Foreach: ("opens a foreach", "list to iterate over"),
    Gang: ("opens a gang", "number of tasks to start"),
    Switch: ("ends with a switch", "choice"),
}


# -- the policies of a step --------------------------------------------------------------------------------------------


def policies(
    method: StepMethod, transition: Transition | None, faults: Faults, added: Sequence[Applied] = ()
) -> dict[str, Any]:
    """Return the policy fields of a step's node.

    Args:
        transition: what the step leads to; None if a fault hides it.
        added: decorators of the command line, for steps that lack them.
    """
    reader = Reader(method.source, method.tree, faults)
    given: dict[str, list[dict[str, Any]]] = {}
    plugins: list[Plugin] = []
    for applied in _of_step(method, added, reader):
        if (plugin := plugin_class(applied.name, "step")) is not None:
            if (read := read_plugin(reader, applied, plugin)) is not None:
                plugins.insert(0 if read.written else len(plugins), read)  # the decorator next to the step comes first
            continue
        arguments = reader.arguments(applied, STEP_DECORATORS[applied.name])
        if arguments is not None:
            given.setdefault(applied.name, []).append(_checked(reader, applied, arguments))
        if applied.name == "catch" and type(transition) in _UNCATCHABLE:
            what, missing = _UNCATCHABLE[type(transition)]
            reader.faults.add(
                codes.CATCH_ON_FOREACH,
                reader.span(applied),
                f"step '{method.name}' has @catch but {what}",
                hint=f"if the step fails, there is no {missing}: put @catch on the steps after it",
            )
    found: dict[str, Any] = {name: _BUILD[name](several[0]) for name, several in given.items() if name in _BUILD}
    found["plugins"] = tuple(plugins)
    found["elsewhere"] = tuple(name for name in given if name in ELSEWHERE)
    if info := next((step["node_info"] for step in given.get("step", ()) if step.get("node_info")), None):
        found["info"] = to_text(info)
    if cards := given.get("card"):
        found["cards"] = tuple(card["card"] for card in cards)
    if pod := given.get("kubernetes"):
        found["resources"] = largest(found.get("resources"), amounts(pod[0]))
    return {name: value for name, value in found.items() if value is not None}


def _of_step(method: StepMethod, added: Sequence[Applied], reader: Reader) -> Iterator[Applied]:
    """Yield a step's decorators from the top, then the command line's; report misplaced and duplicate ones."""
    own = {applied.name for applied in method.applied} - SEVERAL
    written = [applied for applied in reversed(method.applied) if applied.file != COMMAND_LINE]
    attached = [applied for applied in method.applied if applied.file == COMMAND_LINE]
    seen: dict[str, Applied] = {}
    for applied in (*written, *attached, *(extra for extra in added if extra.name not in own)):
        name = applied.name
        if name in ENVIRONMENTS:
            continue
        plugin = plugin_class(name, "step")
        if plugin is None and name not in STEP_DECORATORS:
            reader.faults.add(
                codes.MISPLACED_DECORATOR,
                reader.span(applied),
                f"@{name} decorates a flow's class, not a step",
                hint=f"put it above `class {method.owner.__name__}`",
            )
        elif name in seen and name not in SEVERAL and not getattr(plugin, "allow_multiple", False):
            reader.faults.add(
                codes.DUPLICATE_DECORATOR,
                reader.span(applied),
                f"step '{method.name}' has @{name} twice",
                hint="keep one of them",
                also=[(reader.span(seen[name]), "the first one")],
            )
        else:
            seen[name] = applied
            yield applied


def _checked(reader: Reader, applied: Applied, given: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments, in the form that `_BUILD` takes; report arguments that contradict each other."""
    match applied.name:
        case "timeout" if _seconds(given) <= 0:
            reader.faults.add(
                codes.BAD_ARGUMENT,
                reader.span(applied),
                "@timeout has no duration",
                hint="give it seconds=, minutes= or hours=",
            )
        case "secrets":
            return {"secrets": read_secrets(reader, applied, given)}
        case "card":
            return {"card": read_card(reader, applied, given)}
        case "kubernetes":
            return given | {"kubernetes": read_kubernetes(reader, applied, given)}
    return given


def _retry(given: dict[str, Any]) -> Retry:
    minutes = float(given.get("minutes_between_retries", 2))
    return Retry(times=int(given.get("times", 3)), wait_seconds=math.ceil(minutes * 60))


def _catch(given: dict[str, Any]) -> Catch:
    return Catch(var=given.get("var"), print_exception=given.get("print_exception", True))


def _seconds(given: dict[str, Any]) -> float:
    units = {"seconds": 1, "minutes": 60, "hours": 3600}
    return sum(factor * float(given.get(unit, 0)) for unit, factor in units.items())


def _timeout(given: dict[str, Any]) -> Timeout:
    return Timeout(seconds=math.ceil(_seconds(given)))


def _resources(given: dict[str, Any]) -> Resources | None:
    asked = {name: value for name, value in given.items() if value is not None}
    if not asked:
        return None
    cpu = asked.pop("cpu", None)
    return Resources(
        cpu=None if cpu is None else decimal_text(cpu), **{name: int(value) for name, value in asked.items()}
    )


def _environment(given: dict[str, Any]) -> tuple[tuple[str, str], ...] | None:
    return tuple((name, str(value)) for name, value in given.get("vars", {}).items()) or None


_BUILD: Final[Mapping[str, Callable[[dict[str, Any]], object]]] = {
    "retry": _retry,
    "catch": _catch,
    "timeout": _timeout,
    "resources": _resources,
    "environment": _environment,
    "kubernetes": lambda given: given["kubernetes"],
    "secrets": lambda given: given["secrets"] or None,
    "cache": lambda given: True,
}


def check_misplaced(method: StepMethod, faults: Faults) -> None:
    """Report the decorators of a method that is not a step."""
    reader = Reader(method.source, method.tree, faults)
    for applied in reversed(method.applied):
        reader.faults.add(
            codes.MISPLACED_DECORATOR,
            reader.span(applied),
            f"@{applied.name} decorates '{method.name}', which is not a step",
            hint="add @step, or remove the decorator",
        )
