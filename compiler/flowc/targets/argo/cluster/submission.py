"""Starts a run of a deployed template: reads its parameters, checks the given values, and submits the Workflow."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias, final

from flowc.targets.argo.checking.limits import MAX_ARGUMENT
from flowc.targets.argo.cluster.errors import AlreadyThere, ClusterError
from flowc.targets.argo.cluster.resource_kinds import (
    CONFIG_MAP,
    FLOW_LABEL,
    MANAGED_LABEL,
    WORKFLOW,
    labels_of,
    name_of,
)
from flowc.targets.argo.cluster.workflows import code_of
from flowc_ir.late.dataclass import dataclass
from flowc_ir.schema import loads
from flowc_ir.suggestion import suggest
from flowc_ir.versions import NewerError, SchemaError
from flowc_runtime.base.contract import IR_KEY
from flowc_runtime.base.errors import FlowcError
from flowc_runtime.pod.arguments import argument_name, encode_parameter, variable_size
from flowc_runtime.store.values.files import MAX_PACKED, check_file, pack, size_of
from flowc_runtime.store.values.parameter_sources import OptionTexts, ParameterSources, naming, resolve
from flowc_runtime.store.values.parameters import ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from flowc.targets.argo.cluster.api import Cluster
    from flowc.targets.argo.object_types import Object
    from flowc_ir.model import Flow, Parameter
    from flowc_runtime.store.values.parameter_sources import FileValue

MAX_NAME = 63

OptionPairs: TypeAlias = "Sequence[tuple[str, str]]"
"""The names of parameters and their values as strings, in the order of the command line."""
Send: TypeAlias = "Callable[[str], dict[str, object]]"
"""A function that sends a file to the store before a run and returns a reference to it. Raises ParameterError,
FlowcError."""


@final
@dataclass(frozen=True, slots=True)
class Accepted:
    """A parameter of a template. `declared` is the declaration of the parameter in the flow. If `declared` is None,
    values are passed to the run as the strings that the user writes."""

    name: str
    argument: str
    declared: Parameter | None
    required: bool


class BadParameter(Exception):
    """The given parameters do not match the parameters of the template: a usage error of the command line."""


def flow_of(cluster: Cluster, item: Object) -> Flow | None:
    """Return the flow of a template or a run, from the IR in the ConfigMap of its code.

    Returns:
        None if the ConfigMap is missing, or does not contain a readable IR.

    Raises:
        ClusterError: a newer flowc wrote the IR, or the cluster does not answer.
    """
    name = code_of(item)
    code = cluster.find(CONFIG_MAP, name) if name else None
    try:
        return loads(code["data"][IR_KEY]) if code else None
    except NewerError as error:
        raise ClusterError(f"{CONFIG_MAP.title} {name} was {error}") from error
    except (SchemaError, KeyError):
        return None  # flowc did not create the object, or a user has changed the object


def accepted(template: Object, flow: Flow | None) -> tuple[Accepted, ...]:
    """Return the parameters of a template, with their types if its flow is known."""
    kinds = {argument_name(p.name): p for p in flow.parameters} if flow else {}
    declared = ((template["spec"].get("arguments") or {}).get("parameters")) or []
    found = []
    for entry in declared:
        argument = entry["name"]
        parameter = kinds.get(argument)
        name = parameter.name if parameter else argument
        found.append(Accepted(name, argument, parameter, required="value" not in entry and "default" not in entry))
    return tuple(found)


def arguments_of(
    parameters: Sequence[Accepted], pairs: OptionPairs, send: Send, in_files: Mapping[str, FileValue] | None = None
) -> list[dict[str, str]]:
    """Return Argo's arguments for the given values of parameters. Parameters without a given value keep the template's
    defaults.

    Args:
        parameters: the parameters of the template.
        pairs: names and values from the command line, which take precedence over `in_files`.
        send: a function that sends a file of more than 64 KiB to the store and returns its reference.
        in_files: values that `read_params_files` returned, by the parameter's name.

    Returns:
        Mappings with the keys `name` (the name of the argument) and `value`.

    Raises:
        BadParameter: a name is unknown or repeated, a value has the wrong type, a file cannot be read or sent, or a
            required parameter has no value.
    """
    known = {parameter.name: parameter for parameter in parameters}
    texts: dict[str, list[str]] = {}
    for name, text in pairs:
        if name not in known:
            raise BadParameter(f"there is no parameter '{name}'{_suggest(name, known)}")
        declared = known[name].declared
        if name in texts and not (declared and declared.multiple):
            raise BadParameter(f"parameter '{name}' is given twice")
        texts.setdefault(name, []).append(text)
    sources = ParameterSources(
        given={name: OptionTexts(several) for name, several in texts.items()}, files=in_files or {}
    )
    names = dict.fromkeys([*sources.given, *sources.files])
    missing = [name for name, parameter in known.items() if parameter.required and name not in names]
    if missing:
        raise BadParameter(f"{_named(missing)} required and has no default; give --param {missing[0]}=VALUE")
    found = {name: _value(known[name], known[name].declared, sources, texts.get(name, ())) for name in names}
    # Files are sent only now, after all values have been found valid.
    return [{"name": known[name].argument, "value": _text(known[name], value, send)} for name, value in found.items()]


def _value(parameter: Accepted, declared: Parameter | None, sources: ParameterSources, texts: Sequence[str]) -> object:
    """Return the value of a given parameter. If the value is a file, check that the file can be read. Raises
    BadParameter."""
    if declared is None:
        return texts[0]
    with _told(parameter):
        resolved = resolve(declared, sources)
        if declared.type == "file" and resolved.value is not None:
            with naming(resolved.place):
                check_file(resolved.value, declared.encoding)
        return resolved.value


def _text(parameter: Accepted, value: object, send: Send) -> str:
    """Return a value as the string of an Argo argument. The content of a small file is packed into the string; a large
    file is sent to the store. Raises BadParameter."""
    declared = parameter.declared
    if declared is None:
        return str(value)
    if declared.type == "file" and value is not None:
        assert isinstance(value, str)
        with _told(parameter):
            value = send(value) if size_of(value) > MAX_PACKED else pack(value)
    return encode_parameter(declared, value)


@contextmanager
def _told(parameter: Accepted) -> Iterator[None]:
    """Convert an error about the parameter's value to a BadParameter whose message begins with the parameter's name."""
    try:
        yield
    except (ParameterError, FlowcError) as error:
        raise BadParameter(f"parameter '{parameter.name}': {error}") from None


def _named(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"parameter '{names[0]}' is"
    return f"each of the parameters {', '.join(map(repr, names))} is"


def _suggest(name: str, known: Iterable[str]) -> str:
    names = list(known)
    there = f"there are {', '.join(names)}" if names else "the flow has none"
    return f"; {suggest(name, names, there)}"


def check_size(template: Object, arguments: Sequence[Mapping[str, str]], names: Mapping[str, str]) -> None:
    """Check that a run's parameters fit into one environment variable of its first pod, 128 KiB.

    Args:
        template: the WorkflowTemplate; its defaults are used for parameters without a value.
        arguments: the result of `arguments_of`.
        names: for each argument, the name of its parameter in the flow, for the message.

    Raises:
        BadParameter: the parameters are too long.
    """
    values = {entry["name"]: entry["value"] for entry in arguments}
    declared = ((template["spec"].get("arguments") or {}).get("parameters")) or []
    passed = [entry | ({"value": values[entry["name"]]} if entry["name"] in values else {}) for entry in declared]
    size = variable_size(passed)
    if size > MAX_ARGUMENT:
        longest = max(passed, key=lambda entry: len(entry.get("value", "")))["name"]
        raise BadParameter(
            f"the parameters take {size / 1024:,.0f} KiB together, but a pod takes {MAX_ARGUMENT // 1024}; "
            f"the longest is '{names.get(longest, longest)}'"
        )


def workflow(template: Object, name: str, arguments: Sequence[Mapping[str, str]]) -> Object:
    """Return the manifest of a run's Workflow, which refers to the template.

    Args:
        template: the WorkflowTemplate.
        name: the run's name.
        arguments: the result of `arguments_of`.
    """
    flow = labels_of(template).get(FLOW_LABEL)
    manifest: Object = {
        "apiVersion": f"{WORKFLOW.group}/{WORKFLOW.version}",
        "kind": WORKFLOW.name,
        "metadata": {"name": name, "labels": {MANAGED_LABEL: "flowc"} | ({FLOW_LABEL: flow} if flow else {})},
        "spec": {"workflowTemplateRef": {"name": name_of(template)}},
    }
    if arguments:
        manifest["spec"]["arguments"] = {"parameters": [dict(each) for each in arguments]}
    return manifest


def submit(
    cluster: Cluster, template: Object, arguments: Sequence[Mapping[str, str]], new_id: Callable[[], str]
) -> str:
    """Start a run under an unused name and return the name, which is the run's id.

    Args:
        cluster: the cluster.
        template: the WorkflowTemplate.
        arguments: the result of `arguments_of`.
        new_id: a function that returns a new id at each call; it is called at most five times.

    Raises:
        ClusterError: all five names were taken, or the cluster refuses the request.
    """
    for _ in range(5):
        name = run_name(name_of(template), new_id())
        try:
            cluster.create(workflow(template, name, arguments), WORKFLOW)
        except AlreadyThere:
            continue
        return name
    raise ClusterError(f"no name for a run of {name_of(template)} is free")


def run_name(template: str, run_id: str) -> str:
    """Return a run's name: the template's name and the run's id. The template's name is shortened if the result would
    have more than 63 characters.

    The id begins with the time, so that the names of a flow's runs sort by time.
    """
    return f"{template[: MAX_NAME - len(run_id) - 1].rstrip('-.')}-{run_id}"
