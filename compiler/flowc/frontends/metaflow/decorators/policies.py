"""Read the decorators of a step into policies of the IR. Each argument is checked against a table of allowed values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, cast

from flowc.frontends.metaflow.decorators.cards import CARD, read_card
from flowc.frontends.metaflow.decorators.plugins import plugin_class, read_plugin
from flowc.frontends.metaflow.decorators.reader import BOOL as _BOOL
from flowc.frontends.metaflow.decorators.reader import CORES as _CORES
from flowc.frontends.metaflow.decorators.reader import COUNT as _COUNT
from flowc.frontends.metaflow.decorators.reader import DURATION as _DURATION
from flowc.frontends.metaflow.decorators.reader import JSON as _JSON
from flowc.frontends.metaflow.decorators.reader import MIB as _MIB
from flowc.frontends.metaflow.decorators.reader import ArgumentKind, Reader, optional, shown
from flowc_ir import Catch, Foreach, Gang, Retry, Switch, Timeout, codes
from flowc_ir.late import LateFunction
from flowc_ir.late.late_table import LateTable
from flowc_ir.late.typeddict import TypedDict
from flowc_ir.policies import ELSEWHERE
from flowc_runtime.store.values.parameters import to_text
from metaflow.decorators import COMMAND_LINE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flowc.frontends.metaflow.decorators.cards import CardArguments
    from flowc.frontends.metaflow.decorators.kubernetes import (
        Amounts,
        KubernetesArguments,
        amounts,
        largest,
        read_kubernetes,
        requested,
    )
    from flowc.frontends.metaflow.decorators.secrets import SecretsArguments, read_secrets
    from flowc.frontends.metaflow.structure.steps import StepMethod
    from flowc_ir import Card, Kubernetes, Packages, Plugin, Resources, Secret, Transition
    from flowc_ir.diagnostic import Faults
    from flowc_ir.policies import Pairs
    from metaflow.decorators import Applied

    class _Retry(TypedDict, total=False):
        times: int | str
        minutes_between_retries: float | str

    class _Catch(TypedDict, total=False):
        var: str | None
        print_exception: bool

    class _Timeout(TypedDict, total=False):
        seconds: float | str
        minutes: float | str
        hours: float | str

    class _Environment(TypedDict, total=False):
        vars: Mapping[str, str | float]
else:  # imported at first use, because the import costs start-up time
    amounts = LateFunction("flowc.frontends.metaflow.decorators.kubernetes:amounts")
    largest = LateFunction("flowc.frontends.metaflow.decorators.kubernetes:largest")
    read_kubernetes = LateFunction("flowc.frontends.metaflow.decorators.kubernetes:read_kubernetes")
    requested = LateFunction("flowc.frontends.metaflow.decorators.kubernetes:requested")
    read_secrets = LateFunction("flowc.frontends.metaflow.decorators.secrets:read_secrets")

__all__ = ["SEVERAL", "STEP_DECORATORS", "ArgumentKind", "Policies", "Reader", "check_misplaced", "policies", "shown"]


def _is_environment(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(name, str)
        and isinstance(text, (str, int, float))
        and name
        and "=" not in name
        and "\0" not in f"{name}{text}"
        for name, text in value.items()
    )


# For these arguments any value is accepted, as in Metaflow; only their names are checked.
_ANY: Final = ArgumentKind("anything", lambda value: True)
_OF_BATCH: Final = (
    "cpu", "gpu", "memory", "image", "queue", "iam_role", "execution_role", "shared_memory", "max_swap", "swappiness",
    "inferentia", "trainium", "efa", "host_volumes", "efs_volumes", "use_tmpfs", "aws_batch_tags", "tmpfs_tempdir",
    "tmpfs_size", "tmpfs_path", "ephemeral_storage", "log_driver", "log_options", "executable", "privileged",
)  # fmt: skip

_HERE: Final = "flowc.frontends.metaflow.decorators"
STEP_DECORATORS: Final[Mapping[str, Mapping[str, ArgumentKind]]] = LateTable(
    {
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
        "environment": {"vars": ArgumentKind("a dict from names to strings or numbers", _is_environment)},
        "kubernetes": f"{_HERE}.kubernetes:KUBERNETES",
        "secrets": f"{_HERE}.secrets:SECRETS",
        "card": CARD,
        "cache": {},
        "batch": dict.fromkeys(_OF_BATCH, _ANY),
    }
)
SEVERAL: Final = frozenset({"card"})
"""Decorators that a step may have more than once."""

# The module `environments` reads these two decorators, and also `@pypi_base` and `@conda_base`.
ENVIRONMENTS: Final = ("pypi", "conda")


_UNCATCHABLE: Final[Mapping[type, tuple[str, str]]] = {
    Foreach: ("opens a foreach", "list to iterate over"),
    Gang: ("opens a gang", "number of tasks to start"),
    Switch: ("ends with a switch", "choice"),
}


# -- the policies of a step --------------------------------------------------------------------------------------------


class Policies(TypedDict, total=False):
    """The fields of a step's node in the IR that decorators set; a missing field has its default.

    The field `cache` is missing for a step without `@cache`. For a step with `@cache` it is None, until the front end
    replaces None by the digest of the step's code.
    """

    retry: Retry
    catch: Catch
    timeout: Timeout
    resources: Resources
    environment: Pairs
    kubernetes: Kubernetes
    secrets: tuple[Secret, ...]
    cards: tuple[Card, ...]
    packages: Packages | None
    cache: str | None
    plugins: tuple[Plugin, ...]
    info: str
    elsewhere: tuple[str, ...]


def policies(
    method: StepMethod, transition: Transition | None, faults: Faults, added: Sequence[Applied] = ()
) -> Policies:
    """Read a step's decorators and return the fields of its node that they set; report the decorators' faults.

    Args:
        method: the step.
        transition: the step's transition; None if the transition could not be read.
        faults: collects the faults.
        added: decorators of `--with`; a decorator is added only if the step does not have it.
    """
    reader = Reader(method.source, method.tree, faults)
    elsewhere: list[str] = []
    plugins: list[Plugin] = []
    fields = Policies()
    for applied in _of_step(method, added, reader):
        if (plugin := plugin_class(applied.name, "step")) is not None:
            if (read := read_plugin(reader, applied, plugin)) is not None:
                # Decorators of the source come in the order in which Python applies them: the lowest decorator first.
                plugins.insert(0 if read.written else len(plugins), read)
            continue
        arguments = reader.arguments(applied, STEP_DECORATORS[applied.name])
        if arguments is not None:
            _read(fields, reader, applied, arguments)
            elsewhere += [applied.name] if applied.name in ELSEWHERE else []
        if applied.name == "catch" and type(transition) in _UNCATCHABLE:
            what, missing = _UNCATCHABLE[type(transition)]
            reader.faults.add(
                codes.CATCH_ON_FOREACH,
                reader.span(applied),
                f"step '{method.name}' has @catch but {what}",
                hint=f"if the step fails, there is no {missing}: put @catch on the steps after it",
            )
    return {**fields, "plugins": tuple(plugins), "elsewhere": tuple(elsewhere)}


def _of_step(method: StepMethod, added: Sequence[Applied], reader: Reader) -> Iterator[Applied]:
    """Yield a step's decorators, the topmost first, then the decorators of `--with`; report misplaced and duplicate
    decorators."""
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


def _read(fields: Policies, reader: Reader, applied: Applied, values: dict[str, object]) -> None:
    """Set the field of the step's node that corresponds to a decorator; report arguments that contradict each other."""
    match applied.name:
        case "step":
            if info := values.get("node_info"):
                fields["info"] = to_text(info)
        case "retry":
            fields["retry"] = _retry(cast("_Retry", values))
        case "catch":
            fields["catch"] = Catch(**cast("_Catch", values))
        case "timeout":
            fields["timeout"] = _timeout(reader, applied, cast("_Timeout", values))
        case "resources":
            _add_resources(fields, requested(cast("Amounts", values)))
        case "environment":
            if variables := cast("_Environment", values).get("vars", {}):
                fields["environment"] = tuple((name, str(value)) for name, value in variables.items())
        case "kubernetes":
            arguments = cast("KubernetesArguments", values)
            fields["kubernetes"] = read_kubernetes(reader, applied, arguments)
            _add_resources(fields, amounts(arguments))
        case "secrets":
            if secrets := read_secrets(reader, applied, cast("SecretsArguments", values)):
                fields["secrets"] = secrets
        case "card":
            fields["cards"] = (*fields.get("cards", ()), read_card(cast("CardArguments", values)))
        case "cache":
            fields["cache"] = None


def _add_resources(fields: Policies, amounts: Resources) -> None:
    """Merge the amounts of `@resources` or `@kubernetes` into the fields; the larger amount of each resource is
    used."""
    if (resources := largest(fields.get("resources"), amounts)) is not None:
        fields["resources"] = resources


def _retry(arguments: _Retry) -> Retry:
    minutes = float(arguments.get("minutes_between_retries", 2))
    return Retry(times=int(arguments.get("times", 3)), wait_seconds=math.ceil(minutes * 60))


def _timeout(reader: Reader, applied: Applied, arguments: _Timeout) -> Timeout:
    minutes = 60 * float(arguments.get("minutes", 0))
    seconds = float(arguments.get("seconds", 0)) + minutes + 3600 * float(arguments.get("hours", 0))
    if seconds <= 0:
        reader.faults.add(
            codes.BAD_ARGUMENT,
            reader.span(applied),
            "@timeout has no duration",
            hint="give it seconds=, minutes= or hours=",
        )
    return Timeout(seconds=math.ceil(seconds))


def check_misplaced(method: StepMethod, faults: Faults) -> None:
    """Report decorators on a method without `@step`, where they have no effect."""
    reader = Reader(method.source, method.tree, faults)
    for applied in reversed(method.applied):
        reader.faults.add(
            codes.MISPLACED_DECORATOR,
            reader.span(applied),
            f"@{applied.name} decorates '{method.name}', which is not a step",
            hint="add @step, or remove the decorator",
        )
