"""The nodes of the IR: frozen, typed, standard library only.

A node is one task template. `joins` names the split that it closes, `next` is its transition; the two are independent,
because a join may itself open the next foreach (docs/adr/0002-ir.md).
`make generate` writes the reader, the writer and the JSON Schema of these classes into `flowc_ir.generated`. A class in
a union is an object in JSON if a field of it has a `Key`, and else the value of its only field, or null without one.
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
"""The directory of a code package for functions that cannot be imported."""
END_EVENT = "done"
"""The type of the event with the returned values of a function that yields events, unless its task names another."""

ArtifactName: TypeAlias = str
Choice: TypeAlias = "str | int | float | bool"
ReturnKind: TypeAlias = Literal["json", "pickled", "metric"]
ParameterType: TypeAlias = Literal["str", "int", "float", "bool", "json", "any", "file"]


@final
@dataclass(frozen=True, slots=True)
class Span:
    """A place in a source file: `line` and `column` count from 1, `width` is in columns (0: to the end of the line).

    `file` is relative to the root of the code package, with forward slashes. The width serves diagnostics only and is
    not part of the IR's identity.
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
    """A transition to one successor, at the same index path."""

    target: NodeId


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """A transition to all of two or more targets, in the order written; exactly one join closes it."""

    targets: Annotated[tuple[NodeId, ...], Items(2, unique=True)]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Foreach:
    """A transition to one task of `body` for each item of the artifact `over`; exactly one join closes it.

    Tasks inside read their item as the artifact `item`, if it is not empty.
    """

    over: Annotated[ArtifactName, Key("foreach")]
    body: NodeId
    item: ArtifactName = ""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Gang:
    """A transition to tasks of `body` that run together, as many as the run asks for; exactly one join closes it."""

    body: Annotated[NodeId, Key("gang")]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LoopLimit:
    """The limit of a loop: after `iterations` iterations the switch takes the arm of the choice True.

    Tasks in the loop read the number of their iteration, from 0, as the artifact `index`, if it is not empty.
    """

    iterations: Annotated[int, AtLeast(1)]
    index: ArtifactName = ""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """A transition to one arm (choice, target): the arm whose choice equals the artifact `condition`.

    No join closes a switch: its arms may meet anywhere, or end in the join of the split around the switch. An arm that
    leads back to a step that dominates the switch is a loop. `default` is the target if no choice is equal; without
    one, such a task fails. `loop` limits the loop that the switch closes.
    """

    condition: Annotated[ArtifactName, Key("switch")]
    arms: Annotated[tuple[tuple[Choice, NodeId], ...], Items(1)]
    default: NodeId | None = None
    loop: LoopLimit | None = None


Transition: TypeAlias = "End | Goto | Branch | Foreach | Gang | Switch"


def targets(transition: Transition) -> tuple[NodeId, ...]:
    """Return the nodes to which a transition leads, in the order written, each once."""
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
    """Up to `times` further attempts after a failed one; on a cluster they start `wait_seconds` apart."""

    times: Annotated[int, AtLeast(0)]
    wait_seconds: Annotated[int, AtLeast(0)] = 0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Catch:
    """If the last attempt fails, its error is stored in the artifact `var` (if named) and the flow continues."""

    var: ArtifactName | None = None
    print_exception: bool = True


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Timeout:
    """A limit of an attempt: it is interrupted `seconds` after its code starts."""

    seconds: Annotated[int, AtLeast(1)]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """The resources of a task: `cpu` in cores (decimal text, so that it prints as written), sizes in MiB.

    `assumed` are the names of amounts that are defaults of `@kubernetes`, which those of a configuration file replace.
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
    """The packages of a task's own environment: name to version, as written ("" for any version).

    `python` is a version such as "3.11", or a range such as ">=3.11,<3.14"; None for the version of the interpreter
    that starts the run. `disabled` runs the task in that interpreter.
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
    """One of the values that a step returns, as the artifact `name`.

    A `json` value consists of JSON's types; models and dataclasses become dicts. A `pickled` value may be any object. A
    `metric` is a `json` value that is also recorded as a metric of the task.
    """

    name: Annotated[ArtifactName, NotEmpty()]
    kind: ReturnKind


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function: its module and its name there, both dotted, such as `train.steps` and `Model.fit`.

    Without a module it is a function that cannot be imported, such as a lambda: `name` is its file below `PICKLES` in
    the code package. Its arguments are artifacts, by their names. `end_event` is the type of the event with the
    returned values, if the function yields events; empty for `done`.
    """

    module: str
    name: Annotated[str, Key("function")]
    returns: tuple[Return, ...] = ()
    end_event: str = ""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Notebook:
    """A Jupyter notebook: its path in the code package, with forward slashes."""

    file: Annotated[str, Key("notebook")]
    returns: tuple[Return, ...] = ()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """A command that a shell (`bash`, else `sh`) runs in the working directory of its task."""

    command: Annotated[str, Key("shell")]
    returns: tuple[Return, ...] = ()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Reducer:
    """Makes one value of the values that the items of a foreach return as `name`, by a function of their list."""

    name: Annotated[ArtifactName, NotEmpty()]
    function: Function


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """No code: a join that merges the artifacts of its inputs.

    After a foreach, each artifact that the items set is the list of their values, in the order of the items, or what
    its reducer makes of the list. After branches, it is the value of the only branch that set it, or of the last one.
    """

    reducers: Annotated[tuple[Reducer, ...], Key("merge")]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Stub:
    """No code: the task passes its inputs on."""


Action: TypeAlias = "Method | Function | Notebook | Shell | Merge | Annotated[Stub, Flag('stub')]"


# -- nodes and flows ---------------------------------------------------------------------------------------------------


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One task template; its `id` is the step's name.

    `joins` names the node whose Branch, Foreach or Gang this one closes; its tasks then see their parents as `inputs`.
    `cache` is the digest of the code that its tasks run, if their results are kept for tasks with equal inputs.
    `info` is the author's note about the step, canonical JSON, which flowc passes on. `elsewhere` are the names of
    decorators for back ends that flowc does not have (`flowc_ir.policies.ELSEWHERE`). `override` names a table
    `[overrides.NAME]` of the configuration file; it is empty once the step has the values of that table.
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
        """The seconds that a task may take, after its timeout, to make its cards, which it makes in parallel."""
        return max((card.timeout for card in self.cards), default=0)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of a run.

    Attributes:
        type: the type of the value. `json` is any value that JSON can represent, given as JSON; so is `any`, but text
            that is no JSON is the value itself.
        default: canonical JSON text; None without a default.
        computed: whether a user's function computes the default: once, when a run starts or, for a cluster, when the
            flow is compiled. `default` is None until a pass fills it in.
        multiple: whether the value is a list of values of the type.
        separator: splits the value, a string, into a list.
        choices: the allowed strings; empty allows all.
        minimum: the smallest number, as canonical JSON.
        maximum: the largest number, as canonical JSON.
        flag: whether the option takes no value.
        converted: whether the class converts the value for the steps; None then means the default of the class.
        file: whether the value is given as a path; the record contains the file's content.
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
    """A configuration, fixed before a run starts or the flow is compiled: `value` is canonical JSON, or None.

    `exact` encodes a value that JSON cannot represent, such as a tuple (`flowc_runtime.store.values.exact`).
    """

    name: Annotated[str, NotEmpty()]
    where: Span
    value: str | None = None
    attribute: str = ""
    exact: str = ""

    @property
    def text(self) -> str | None:
        """The text that identifies the value: equal values have equal texts."""
        return self.exact or self.value


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The times at which a cluster starts runs: `crons` in robfig's standard five fields, `timezone` an IANA name."""

    crons: Annotated[tuple[str, ...], Items(1)]
    where: Span
    timezone: str | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """The user's code: the code package with this `digest` (`sha256:…`).

    `file` of the package defines the flow. `name` is the flow's class in the file; empty means the whole file.
    """

    file: str
    name: str = ""
    digest: Annotated[str, Matches("sha256:[0-9a-f]+", "sha256: and hexadecimal digits")]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A flow. `nodes` are in the order of the source; a run begins at the node `start`.

    `with_decorators` are user-defined decorators that the command line adds to every step: the name, and the arguments
    as canonical JSON text. `elsewhere` has the same meaning as in `Node`.
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
        """Return the nodes by their id, as a new dict."""
        return {node.id: node for node in self.nodes}


def assert_never(value: NoReturn) -> NoReturn:
    """Mark the last arm of a `match` over a union as unreachable, which mypy checks (typing's version needs 3.11)."""
    raise AssertionError(f"unreachable: {value!r}")
