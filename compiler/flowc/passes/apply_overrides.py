"""Give steps the values that tables of the configuration file set. Here, the table is `[overrides.big]`:

train -> end                              ->    train -> end
  override big                                    timeout 3600 s
  environment LEVEL='high'                        resources memory 16384
                                                  environment LEVEL='high'

A step's value is taken from the first of these sources that has it: the table `[steps.FLOW.STEP]`, the table
`[overrides.NAME]` that this table names, the step's own decorators, the table `[overrides.NAME]` that the step names,
the table `[defaults]`. Nested tables, such as resources, are merged key by key.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Final, TypeVar

from flowc.passes.context import PassError
from flowc_ir import Kubernetes, Resources, codes
from flowc_ir.diagnostic import Faults
from flowc_ir.late import LateFunction
from flowc_ir.late.dataclass import replace
from flowc_ir.policies import SecurityContext
from flowc_ir.suggestion import suggest
from flowc_runtime.base.config.pod_tables import PodTable, PodTables
from flowc_runtime.base.config.task_limits import RESOURCES, TaskLimits
from flowc_runtime.base.errors import ConfigurationError, ConfigurationFault

if TYPE_CHECKING:
    from dataclasses import fields

    from flowc.passes.context import Context
    from flowc_ir import Flow, Node
    from flowc_ir.policies import Pairs
else:  # imported at first use: only merging needs it
    fields = LateFunction("dataclasses:fields")

Policy = TypeVar("Policy", Resources, SecurityContext, Kubernetes)
_NO_TABLES: Final = PodTables(PodTable(), {}, {}, {})
_NO_TABLE: Final = PodTable()


def apply_overrides(flow: Flow, context: Context) -> Flow:
    """Return the flow; its steps have the values that the configuration file's tables (`context.pods`) give them. The
    steps of the result no longer name overrides.

    Raises:
        PassError: a step names a table `[overrides.NAME]` that the file does not have.
        ConfigurationError: the file names a step that the flow does not have.
    """
    tables = context.pods or _NO_TABLES
    _check_steps(flow, tables)
    faults = Faults()
    nodes = tuple(_with_tables(node, flow.name, tables, faults, context.configuration) for node in flow.nodes)
    if faults:
        raise PassError(faults)
    return replace(flow, nodes=nodes)


def _check_steps(flow: Flow, tables: PodTables) -> None:
    names = [node.id for node in flow.nodes]
    faults = [
        ConfigurationFault(
            f"{tables.places[flow.name, name]}: the flow '{flow.name}' has no step '{name}'",
            suggest(name, names, f"its steps are {', '.join(names)}"),
        )
        for name in tables.steps.get(flow.name, {})
        if name not in names
    ]
    if faults:
        raise ConfigurationError(faults)


def _with_tables(node: Node, flow: str, tables: PodTables, faults: Faults, file: str) -> Node:
    of_step = tables.steps.get(flow, {}).get(node.id, _NO_TABLE)
    name = of_step.override or node.override
    if name and name not in tables.overrides:
        known = tables.overrides
        section = "tool.flowc.overrides" if file.endswith("pyproject.toml") else "overrides"
        others = f"the overrides are {', '.join(known)}" if known else f"write [{section}.{name}] in {file}"
        hint = suggest(name, known, others)
        message = f"step '{node.id}' names the override '{name}', which the configuration file does not have"
        faults.add(codes.UNKNOWN_OVERRIDE, node.where, message, hint=hint)
        return node
    override, own = tables.overrides.get(name, _NO_TABLE), _own(node)
    order = (override, own) if of_step.override else (own, override)
    merged = reduce(_merge, (of_step, *order, tables.defaults))
    limits = merged.limits
    return replace(
        node,
        retry=limits.retry,
        timeout=limits.timeout,
        resources=_with_assumed(limits.resources, node.resources),
        environment=limits.environment,
        kubernetes=merged.pod if node.kubernetes is not None or merged.pod != Kubernetes() else None,
        override="",
    )


def _own(node: Node) -> PodTable:
    """Return the values that the step itself sets. Amounts of resources that are only defaults (`assumed`) are left
    out."""
    resources = node.resources
    if resources is not None:
        resources = replace(resources, **dict.fromkeys(_assumed(resources)), assumed=())
    limits = TaskLimits(node.retry, node.timeout, resources, node.environment)
    return PodTable(node.kubernetes or Kubernetes(), limits)


def _assumed(resources: Resources) -> list[str]:
    """Return those names in `resources.assumed` that are fields of `Resources`: an IR that another program wrote may
    contain unknown names."""
    return [name for name in resources.assumed if name in RESOURCES]


def _with_assumed(merged: Resources | None, before: Resources | None) -> Resources | None:
    """Return the amounts in `merged`; an amount that is missing there is taken from the defaults (`assumed`) in
    `before`."""
    if before is None:
        return merged
    merged = merged or Resources()
    left = tuple(name for name in _assumed(before) if getattr(merged, name) is None)
    return replace(merged, **{name: getattr(before, name) for name in left}, assumed=left)


# -- two tables --------------------------------------------------------------------------------------------------------


def _merge(first: PodTable, second: PodTable) -> PodTable:
    """Return the values of both tables. `first` takes precedence; nested tables are merged key by key."""
    one, other = first.limits, second.limits
    limits = TaskLimits(
        retry=one.retry or other.retry,
        timeout=one.timeout or other.timeout,
        resources=_merged_fields(one.resources, other.resources),
        environment=_merged_pairs(one.environment, other.environment),
    )
    upper, lower = first.pod, second.pod
    pod = replace(
        _written_over(upper, lower),
        node_selector=_merged_pairs(upper.node_selector, lower.node_selector),
        labels=_merged_pairs(upper.labels, lower.labels),
        annotations=_merged_pairs(upper.annotations, lower.annotations),
        extended_resources=_merged_pairs(upper.extended_resources, lower.extended_resources),
        persistent_volume_claims=_merged_pairs(upper.persistent_volume_claims, lower.persistent_volume_claims),
        security_context=_merged_fields(upper.security_context, lower.security_context),
    )
    return PodTable(pod, limits)


def _merged_pairs(first: Pairs, second: Pairs) -> Pairs:
    """Return the pairs of `first` and `second`; `first` takes precedence. The keys of `second` come first, in the order
    of `second`."""
    return tuple({**dict(second), **dict(first)}.items())


def _merged_fields(first: Policy | None, second: Policy | None) -> Policy | None:
    return first or second if first is None or second is None else _written_over(first, second)


def _written_over(first: Policy, second: Policy) -> Policy:
    """Return a copy of `second` in which the fields of `first` that are not at their default replace those of
    `second`."""
    written = {field.name: each for field in fields(first) if (each := getattr(first, field.name)) != field.default}
    return replace(second, **written)
