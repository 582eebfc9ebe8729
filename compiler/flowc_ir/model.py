"""The classes of the IR. Instances are immutable. The module imports only the standard library and `flowc_ir`.

A node describes the tasks of one step. `Node.joins` names the split that the node closes, and `Node.next` is the node's
transition. The two fields are independent, because a join may also start the next foreach (docs/adr/0002-ir.md). `make
generate` writes the reader, the writer and the JSON Schema of these classes into `flowc_ir.generated`. In JSON, an
instance of a class that belongs to a union is an object if one of the class's fields has a `Key`. Without a `Key`, the
instance is written as the value of its only field, or as null if the class has no field.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NoReturn, TypeAlias, final

from flowc_ir.late.dataclass import dataclass, field
from flowc_ir.policies import Card, ExitHook, Kubernetes, Plugin, Project, Secret, StepFiles, Trigger
from flowc_ir.versions import IR

if TYPE_CHECKING:
    from typing import Annotated

    from flowc_ir.markers import AtLeast, Flag, Items, Key, Matches, NotEmpty
    from flowc_ir.policies import Pairs

IR_VERSION = IR.current

NodeId: TypeAlias = str
PICKLES = "flowc_functions"
"""The directory of a code package that contains pickled functions, which cannot be imported."""
END_EVENT = "done"
"""A function may yield events instead of returning values; one of the events then contains the returned values. This is
the default type of this event."""

ArtifactName: TypeAlias = str
Choice: TypeAlias = "str | int | float | bool"
ReturnKind: TypeAlias = Literal["json", "pickled", "metric"]
ParameterType: TypeAlias = Literal["str", "int", "float", "bool", "json", "any", "file"]


@final
@dataclass(frozen=True, slots=True)
class Span:
    """A position in a source file. `line` and `column` are counted from 1. `width` is the number of columns; 0 means up
    to the line's end.

    `file` is relative to the root of the code package, with forward slashes. Only diagnostics use the width; two
    positions that differ only in the width are equal.
    """

    file: str
    line: int
    column: int
    width: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


# -- transitions -------------------------------------------------------------------------------------------------------


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The run ends after this node."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Goto:
    """A transition to one node, which runs as one task. The index path stays the same, unless the transition enters or
    leaves a loop."""

    target: NodeId


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """A transition to two or more nodes, which run in parallel. Exactly one join closes the branch."""

    targets: Annotated[tuple[NodeId, ...], Items(2, unique=True)]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Foreach:
    """A transition to one task of the node `body` for each item of the artifact `over`. Exactly one join closes the
    foreach.

    If `item` is not empty, it is the name of the artifact from which tasks inside the foreach read their item.
    """

    over: Annotated[ArtifactName, Key("foreach")]
    body: NodeId
    item: ArtifactName = ""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Gang:
    """A transition to several tasks of the node `body`, which all run at the same time. The number of tasks is
    determined during the run. Exactly one join closes the gang."""

    body: Annotated[NodeId, Key("gang")]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LoopLimit:
    """The limit of a loop: after `iterations` iterations, the switch at the end of the loop takes the arm whose choice
    is True.

    If `index` is not empty, it is the name of the artifact from which tasks in the loop read the number of their
    iteration, from 0.
    """

    iterations: Annotated[int, AtLeast(1)]
    index: ArtifactName = ""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """A transition to one of several nodes. An arm is a pair (choice, target); the switch takes the arm whose choice
    equals the value of the artifact `condition`.

    No join closes a switch: its arms may meet at any node, or end in the join of the split around the switch. An arm
    makes a loop if it leads back to a step that lies on every path to the switch. If no choice equals the value, the
    switch takes the target `default`; if `default` is None, the task fails. `loop` limits the loop that an arm makes.
    """

    condition: Annotated[ArtifactName, Key("switch")]
    arms: Annotated[tuple[tuple[Choice, NodeId], ...], Items(1)]
    default: NodeId | None = None
    loop: LoopLimit | None = None


Transition: TypeAlias = "End | Goto | Branch | Foreach | Gang | Switch"


def targets(transition: Transition) -> tuple[NodeId, ...]:
    """Return the nodes to which a transition leads, in the order of the source and without duplicates."""
    match transition:
        case End():
            return ()
        case Goto(target=target):
            return (target,)
        case Branch(targets=several):
            return several
        case Foreach(body=body) | Gang(body=body):
            return (body,)
        case Switch(arms=arms, default=default):
            last = () if default is None else (default,)
            return tuple(dict.fromkeys((*(target for _, target in arms), *last)))
        case _:
            assert_never(transition)


# -- policies ----------------------------------------------------------------------------------------------------------


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """The retries of a task: up to `times` further attempts after a failed one. On a cluster, `wait_seconds` pass
    between two attempts."""

    times: Annotated[int, AtLeast(0)]
    wait_seconds: Annotated[int, AtLeast(0)] = 0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Catch:
    """If a task's last attempt fails, its error is stored in the artifact `var` (unless None), and the flow
    continues."""

    var: ArtifactName | None = None
    print_exception: bool = True


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Timeout:
    """The time limit of an attempt, which is interrupted `seconds` after its code starts."""

    seconds: Annotated[int, AtLeast(1)]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """The resources of a task. `cpu` is the number of cores as decimal text, such as "0.5". Sizes are in MiB.

    `assumed` lists the amounts that are only defaults of `@kubernetes`; amounts in a configuration file replace these
    defaults.
    """

    cpu: Annotated[str | None, Matches("[0-9]+([.][0-9]+)?", "decimal text such as 0.5")] = None
    memory: Annotated[int | None, AtLeast(0)] = None
    gpu: Annotated[int | None, AtLeast(0)] = None
    disk: Annotated[int | None, AtLeast(0)] = None
    shared_memory: Annotated[int | None, AtLeast(0)] = None
    assumed: tuple[str, ...] = ()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Packages:
    """The packages of a task's own environment: pairs of a name and a version, as written in the source ("" for any
    version).

    `python` is a version such as "3.11", or a range such as ">=3.11,<3.14"; None means the version of the Python
    interpreter that starts the run. If `disabled` is true, the task has no own environment and runs in that
    interpreter.
    """

    python: str | None = None
    pypi: Pairs = ()
    conda: Pairs = ()
    disabled: bool = False


# -- the code of a node's tasks ----------------------------------------------------------------------------------------


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A step method of the flow's class; `Code.name` names the class."""

    name: Annotated[str, Key("method")]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """One of the values that a step returns; it is stored as the artifact `name`.

    A `json` value consists of JSON's types; models and dataclasses become dicts. A `pickled` value may be any object. A
    `metric` is a `json` value that is also recorded as a metric of the task.
    """

    name: Annotated[ArtifactName, NotEmpty()]
    kind: ReturnKind


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function that a step calls: its module and its name in the module, both dotted, such as `train.steps` and
    `Model.fit`.

    If `module` is empty, the function cannot be imported (for example a lambda), and `name` is the name of a pickle in
    the directory `flowc_functions` of the code package. Each argument of the function gets the artifact of the same
    name. If the function yields events, `end_event` is the type of the event that contains the returned values; an
    empty `end_event` means the type `done`.
    """

    module: str
    name: Annotated[str, Key("function")]
    returns: tuple[Return, ...] = ()
    end_event: str = ""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Notebook:
    """A Jupyter notebook that a step runs. `file` is its path in the code package, with forward slashes."""

    file: Annotated[str, Key("notebook")]
    returns: tuple[Return, ...] = ()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """A shell command that a step runs in the task's working directory, by `bash` or, without it, by `sh`."""

    command: Annotated[str, Key("shell")]
    returns: tuple[Return, ...] = ()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Reducer:
    """A reducer of a foreach, which computes a single value of an artifact from the artifact's values in all items.

    The artifact is called `name`. `function` gets the list of the values from the items, and the result of `function`
    is the artifact's value after the foreach.
    """

    name: Annotated[ArtifactName, NotEmpty()]
    function: Function


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """A join without user code, which merges the artifacts of its inputs.

    After a foreach, each artifact that the items set becomes the list of their values in the order of the items, or the
    result of the artifact's reducer. After branches, each artifact has the value from the last branch, in the order of
    the graph, that set the artifact.
    """

    reducers: Annotated[tuple[Reducer, ...], Key("merge")]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Stub:
    """A step without code. The tasks of a step without code only pass their artifacts on."""


Action: TypeAlias = "Method | Function | Notebook | Shell | Merge | Annotated[Stub, Flag('stub')]"


# -- nodes and flows ---------------------------------------------------------------------------------------------------


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A step of the flow; `id` is the step's name.

    If `joins` is set, the node is a join: it closes the Branch, Foreach or Gang of the node with this name, and its
    tasks get the artifacts of their parents as `inputs`. If `cache` is set, a task reuses the results of an earlier
    task with equal inputs; the value of `cache` is the digest of the code that the tasks run. `info` is the author's
    note about the step as canonical JSON, which flowc only passes on. `elsewhere` has the names of the step's
    decorators that are meant for back ends of Metaflow which flowc does not have. `override` names a table
    `[overrides.NAME]` of the configuration file; flowc empties this field when it gives the step the values of the
    table.
    """

    id: Annotated[NodeId, NotEmpty()]
    where: Span
    run: Action
    next: Transition
    joins: NodeId | None = None
    doc: str = ""
    retry: Retry | None = None
    catch: Catch | None = None
    timeout: Timeout | None = None
    resources: Resources | None = None
    environment: Pairs = ()
    kubernetes: Kubernetes | None = None
    secrets: tuple[Secret, ...] = ()
    cards: tuple[Card, ...] = ()
    packages: Packages | None = None
    cache: str | None = None
    plugins: tuple[Plugin, ...] = ()
    info: str | None = None
    elsewhere: tuple[str, ...] = ()
    files: StepFiles | None = None
    override: str = ""

    @property
    def cards_seconds(self) -> int:
        """The maximum time in seconds for making all cards of a task, which are made in parallel. The task's timeout
        does not include this time."""
        return max((card.timeout for card in self.cards), default=0)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of a run.

    Attributes:
        type: the type of the value. For `json`, users give the value as JSON. For `any`, users give the value as JSON
            too, but a text that is not JSON is the value itself. For `file`, users give the path of a file; the value
            is the file's content.
        default: the default as canonical JSON text; None if there is no default.
        computed: whether a user's function computes the default. The function is called once: when a run starts or, for
            a cluster, when the flow is compiled. `default` is None until the function has been called.
        multiple: whether the value is a list of values of the type.
        separator: the string that splits a value, which is a string, into a list; None if values are not split.
        choices: the allowed strings; if it is empty, all strings are allowed.
        minimum: the smallest number, as canonical JSON.
        maximum: the largest number, as canonical JSON.
        flag: whether the parameter's option on the command line takes no value.
        converted: whether the class of the parameter converts the value before steps get it; for such a parameter, the
            value None means the default that the class defines.
        encoding: the encoding of the file's text; None for bytes.
        attribute: the name that steps use, if it differs from the parameter's name.
    """

    name: Annotated[str, NotEmpty()]
    type: ParameterType
    where: Span
    default: str | None = None
    computed: bool = False
    required: bool = False
    help: str = ""
    multiple: bool = False
    separator: str | None = None
    choices: tuple[str, ...] = ()
    minimum: str | None = None
    maximum: str | None = None
    flag: bool = False
    hidden: bool = False
    encoding: str | None = None
    attribute: str = ""
    converted: bool = False


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A config of the flow. The value of a config is determined before a run starts or the flow is compiled; `value` is
    canonical JSON, or None.

    `exact` is the value in an encoding of flowc if JSON cannot represent it, for example a tuple; otherwise it is
    empty.
    """

    name: Annotated[str, NotEmpty()]
    where: Span
    value: str | None = None
    attribute: str = ""
    exact: str = ""

    @property
    def text(self) -> str | None:
        """Return the value as text; equal values have equal texts."""
        return self.exact or self.value


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The times at which a cluster starts runs. `crons` has cron expressions with five fields (in the syntax of
    robfig/cron), `timezone` is an IANA name."""

    crons: Annotated[tuple[str, ...], Items(1)]
    where: Span
    timezone: str | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """The user's code, which is in the code package with this `digest` (`sha256:…`).

    `file` is the file of the package that defines the flow. `name` is the name of the flow's class in this file; if it
    is empty, the whole file is the flow.
    """

    file: str
    name: str = ""
    digest: Annotated[str, Matches("sha256:[0-9a-f]+", "sha256: and hexadecimal digits")]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A flow. `nodes` are in the order of the source; a run begins with the node `start`.

    `with_decorators` has the user-defined decorators that the command line adds to every step: pairs of a name and the
    arguments as canonical JSON text. `elsewhere` has the same meaning as in `Node`.
    """

    name: Annotated[str, NotEmpty()]
    code: Code
    where: Span
    start: NodeId
    nodes: Annotated[tuple[Node, ...], Items(1)]
    parameters: tuple[Parameter, ...] = ()
    configs: tuple[Config, ...] = ()
    schedule: Schedule | None = None
    doc: str = ""
    project: Project | None = None
    triggers: tuple[Trigger, ...] = ()
    exit_hooks: tuple[ExitHook, ...] = ()
    with_decorators: Pairs = ()
    plugins: tuple[Plugin, ...] = ()
    elsewhere: tuple[str, ...] = ()

    def by_id(self) -> dict[NodeId, Node]:
        """Return a new dict with the nodes by their id."""
        return {node.id: node for node in self.nodes}


def assert_never(value: NoReturn) -> NoReturn:
    """Mark the last case of a `match` as unreachable, which mypy checks (`typing.assert_never` needs Python 3.11)."""
    raise AssertionError(f"unreachable: {value!r}")
