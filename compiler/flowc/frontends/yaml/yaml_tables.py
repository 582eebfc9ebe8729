"""Tables of the keys of both forms of YAML pipelines, with descriptions. Readers and JSON Schema use the tables."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, final

from flowc.frontends.yaml.yaml_shapes import (
    Amount,
    AnyValue,
    Either,
    EnvironmentText,
    Field,
    Inner,
    ListOf,
    MapOf,
    Record,
    Text,
    TrueOrFalse,
    ValueName,
    Whole,
    add_wrong,
)
from flowc.frontends.yaml.yaml_tree import Keyed, Listing, Scalar
from flowc.pipeline.returns import TaskReturn
from flowc_ir.late.dataclass import dataclass
from flowc_runtime.base.config.task_limits import cores, mebibytes, seconds_of, wait_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.frontends.yaml.yaml_shapes import JsonSchema, Table
    from flowc.frontends.yaml.yaml_tree import Tree
    from flowc_ir.diagnostic import Faults
    from flowc_ir.model import ReturnKind

KINDS: Final[Mapping[str, ReturnKind]] = {"json": "json", "pickled": "pickled", "object": "pickled", "metric": "metric"}
_KIND: Final = Text(words=tuple(KINDS))
_NAMED: Final = Record(
    {
        "name": Field(ValueName(), "the name of the value", required=True),
        "kind": Field(_KIND, "json (the default), pickled (any object), or metric (a number)"),
    }
)


@final
@dataclass(frozen=True, slots=True)
class Returns:
    """The values that a task returns. Each item is `NAME`, `NAME: KIND` or `{name: NAME, kind: KIND}`."""

    def read(self, tree: Tree, what: str, faults: Faults) -> list[TaskReturn]:
        match tree:
            case Listing():
                return [each for item in tree.items for each in self._item(item, what, faults)]
            case Keyed():
                return self._pairs(tree, what, faults)
        add_wrong(tree, what, "a list of names", faults, hint=f"write it as a list: [{tree.text}]")
        return []

    def _item(self, tree: Tree, what: str, faults: Faults) -> list[TaskReturn]:
        match tree:
            case Scalar():
                return [TaskReturn(ValueName().read(tree, f"a name in {what}", faults), "json")]
            case Keyed() if tree.get("name") is None and tree.get("kind") is None:
                return self._pairs(tree, what, faults)
        found = _NAMED.read(tree, f"an item of {what}", faults)
        return [TaskReturn(str(found.get("name", "")), KINDS.get(str(found.get("kind", "json")), "json"))]

    def _pairs(self, tree: Keyed, what: str, faults: Faults) -> list[TaskReturn]:
        found: list[TaskReturn] = []
        for key, value in tree.entries:
            name = ValueName().read(key, f"a name in {what}", faults)
            kind = _KIND.read(value, f"the kind of '{key.text}' in {what}", faults)
            found.append(TaskReturn(name, KINDS.get(kind, "json")))
        return found

    def schema(self) -> JsonSchema:
        pairs: JsonSchema = {"type": "object", "additionalProperties": {"enum": [*KINDS]}}
        items = {"anyOf": [ValueName().schema(), _NAMED.schema(), pairs | {"maxProperties": 1}]}
        return {"anyOf": [{"type": "array", "items": items}, pairs]}


# -- keys of both forms of pipelines -----------------------------------------------------------------------------------

_NAMES: Final = ListOf(Text())
_FUNCTION: Final = Text(meant="a function, such as package.module.function")
_COMMAND: Final = Text(meant="a shell command, or `stub: NAME` for a step that does nothing")
_NOTEBOOK: Final = Text(meant="the path of a notebook, such as report.ipynb")
_STUB: Final = Text(meant="the name of a step")
_DURATION: Final[JsonSchema] = {"type": ["integer", "string"], "pattern": "^([0-9]+[smhd])+$", "minimum": 0}
_SIZE: Final[JsonSchema] = {"type": ["integer", "string"], "pattern": "^[0-9]+(Mi|Gi|Ti)?$", "minimum": 0}
_CORES: Final[JsonSchema] = {"type": ["number", "string"], "pattern": "^([0-9]+([.][0-9]+)?|[0-9]+m)$", "minimum": 0}
CATALOG: Final = Record(
    {
        "get": Field(_NAMES, "patterns of files that the task reads"),
        "put": Field(_NAMES, "patterns of files that the task writes and the run keeps"),
        "store_copy": Field(TrueOrFalse(), "whether the store gets a copy (true), or only the digest"),
        "compute_data_folder": Field(Text(), "the directory of the task's files"),
    }
)
_RETRY: Final = Record(
    {
        "times": Field(Whole(0), "the number of further attempts", required=True),
        "wait": Field(Amount(wait_of, _DURATION), "the time between attempts: seconds, or a string such as 30s"),
    }
)
_RESOURCES: Final = Record(
    {
        "cpu": Field(Amount(cores, _CORES), "the number of cores, such as 0.5 or 500m"),
        "memory": Field(Amount(mebibytes, _SIZE), "the memory: MiB, or a string such as 4Gi"),
        "gpu": Field(Whole(0), "the number of GPUs"),
        "disk": Field(Amount(mebibytes, _SIZE), "the disk: MiB, or a string such as 10Gi"),
        "shared_memory": Field(Amount(mebibytes, _SIZE), "the shared memory: MiB, or a string such as 64Mi"),
    }
)
TASK: Final[Table] = {
    "returns": Field(Returns(), "the names of the values that it returns"),
    "secrets": Field(_NAMES, "the names of secrets, which become environment variables"),
    "catalog": Field(CATALOG, "the files that it reads and writes"),
    "overrides": Field(
        Either(Text(), MapOf(Text(), Text())), "the name of an override in flowc.toml, or this name for each executor"
    ),
    "retry": Field(Either(Whole(0), _RETRY), "the number of further attempts after a failed one"),
    "timeout": Field(Amount(seconds_of, _DURATION), "the longest duration of an attempt: seconds, or 90s, 1h30m"),
    "resources": Field(_RESOURCES, "the resources of the task"),
    "environment": Field(MapOf(Text(), EnvironmentText()), "environment variables of the task"),
}
_REDUCER: Final = Field(
    Either(Text(), MapOf(ValueName(), Text())),
    "a function of the items' values (max, statistics.mean, 'lambda values: …'), or a mapping from names of values to "
    "such functions",
)
PARAMETERS: Final = Field(
    MapOf(ValueName(), AnyValue()), "parameters of the run with their defaults; a parameter without a value is required"
)
_ABOUT: Final[Table] = {
    "name": Field(Text(), "the name of the pipeline, by which its runs are stored"),
    "description": Field(Text(), "a string about the pipeline"),
}

# -- keys of pipelines that are a list of steps ------------------------------------------------------------------------

_STEP: Final[Table] = {
    "name": Field(Text(), "the name of the step"),
    "on_failure": Field(Inner("steps"), "the steps that run if this one fails; the list that contains it then ends"),
}
_STEPS: Final = Field(Inner("steps"), "the steps inside, in their order", required=True)
LIST_KINDS: Final[Mapping[str, Table]] = {
    "python": {
        "python": Field(_FUNCTION, "the function, such as package.module.function", required=True),
        **_STEP,
        **TASK,
    },
    "shell": {"shell": Field(_COMMAND, "the shell command", required=True), **_STEP, **TASK},
    "notebook": {"notebook": Field(_NOTEBOOK, "the path of the notebook", required=True), **_STEP, **TASK},
    "stub": {"stub": Field(_STUB, "the name of a step that does nothing", required=True), **_STEP},
    "map": {
        "map": Field(ValueName(), "the name of the list", required=True),
        "as": Field(ValueName(), "the name by which the steps inside read the item", required=True),
        "steps": _STEPS,
        "reducer": _REDUCER,
        **_STEP,
    },
    "parallel": {"parallel": Field(Inner("branches"), "lists of steps by name", required=True), **_STEP},
    "loop": {
        "loop": Field(Whole(1), "the largest number of iterations", required=True),
        "until": Field(ValueName(), "the name of the value that ends the loop if it is true", required=True),
        "as": Field(ValueName(), "the name under which steps inside read the iteration's number, from 0"),
        "steps": _STEPS,
        **_STEP,
    },
    "if": {
        "if": Field(ValueName(), "the name of the value", required=True),
        "then": Field(Inner("steps"), "the steps that run if the value is true"),
        "is": Field(Inner("branches"), "for each value, the list of steps that runs"),
        "else": Field(Inner("steps"), "the steps for every other value"),
        **_STEP,
    },
}
MEANT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "next": "leave it out: steps run in the order of the list",
        "next_node": "leave it out: steps run in the order of the list",
        "type": "leave it out: python:, shell:, map: … say what the step is",
        "command": "write shell: COMMAND, or python: package.module.function",
        "command_type": "leave it out, since the key python:, shell: or notebook: gives the type of the command",
        "function": "write python: package.module.function",
        "conditional": "write if: VALUE, and is: with a list of steps for each value",
        "parameter": "write if: VALUE",
        "branch": "write steps: with a list of steps",
        "branches": "write is: after if:, and put the branches of parallel: right below it",
        "default": "write else: with a list of steps",
        "iterate_on": "write map: VALUE",
        "iterate_as": "write as: NAME",
        "index_as": "write as: NAME",
        "break_on": "write until: VALUE",
        "max_iterations": "write loop: NUMBER",
        "max_attempts": "write retry: NUMBER, which counts the attempts after the first one",
        "env": "write environment: with variables",
    }
)
LIST_FORM: Final = Record(
    {**_ABOUT, "parameters": PARAMETERS, "steps": Field(Inner("steps"), "the steps, in their order", required=True)}
)

# -- keys of pipelines that are written with `dag:` --------------------------------------------------------------------

_TYPE: Final = Field(
    Text(words=("task", "stub", "parallel", "map", "conditional", "loop", "success", "fail")),
    "task, stub, parallel, map, conditional, loop, success or fail",
    required=True,
)
_NODE: Final[Table] = {
    "type": _TYPE,
    "next": Field(Text(), "the name of the next step, or success, or fail"),
    "next_node": Field(Text(), "the same as next"),
    "on_failure": Field(Text(), "the name of the step to run if this one fails"),
}
_BRANCH: Final = Field(Inner("dag"), "start_at and steps of the branch", required=True)
COMMAND_TYPES: Final = ("python", "shell", "notebook", "async-python")
DAG_KINDS: Final[Mapping[str, Record]] = {
    "task": Record(
        {
            **_NODE,
            "command_type": Field(Text(words=COMMAND_TYPES), "python (the default), shell, notebook or async-python"),
            "command": Field(
                Text(meant="a function, a shell command, or the path of a notebook"),
                "the function, the shell command, or the path of the notebook",
                required=True,
            ),
            **TASK,
            "max_attempts": Field(Whole(1), "the number of attempts"),
            "optional_ploomber_args": Field(MapOf(Text(), AnyValue()), "not supported; accepted if it is empty"),
        },
        meant={"name": "leave it out: the key of a step is its name"},
    ),
    "stub": Record(_NODE, open=True),
    "parallel": Record(
        {**_NODE, "branches": Field(Inner("dags"), "the branches by name, each with start_at and steps", required=True)}
    ),
    "map": Record(
        {
            **_NODE,
            "branch": _BRANCH,
            "iterate_on": Field(ValueName(), "the name of the list", required=True),
            "iterate_as": Field(ValueName(), "the name by which the steps inside read the item", required=True),
            "reducer": _REDUCER,
        }
    ),
    "conditional": Record(
        {
            **_NODE,
            "parameter": Field(ValueName(), "the name of the value", required=True),
            "branches": Field(Inner("dags"), "the branches by the values that choose them", required=True),
            "default": Field(Inner("dag"), "the branch for every other value"),
        }
    ),
    "loop": Record(
        {
            **_NODE,
            "branch": _BRANCH,
            "max_iterations": Field(Whole(1), "the largest number of iterations", required=True),
            "break_on": Field(ValueName(), "the name of the value that ends the loop if it is true", required=True),
            "index_as": Field(ValueName(), "the name under which steps inside read the iteration's number, from 0"),
        }
    ),
    "success": Record({"type": _TYPE}, open=True),
    "fail": Record({"type": _TYPE}, open=True),
}
DAG: Final = Record(
    {
        **_ABOUT,
        "start_at": Field(Text(), "the name of the first step", required=True),
        "steps": Field(Inner("nodes"), "the steps by name", required=True),
    },
    wanted="a mapping with start_at and steps",
)
DAG_FORM: Final = Record(
    {**_ABOUT, "parameters": PARAMETERS, "dag": Field(Inner("dag"), "start_at and steps", required=True)}
)
