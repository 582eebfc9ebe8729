"""The nodes of the IR: frozen, typed, standard library only.

A node is one task template. How its tasks are entered is `joins`, how they are left is `next`; the two are independent,
because a join may itself open the next foreach (docs/adr/0002-ir.md).
`make generate` writes the reader, the writer and the JSON Schema of these classes into `flowc_ir.generated`. A class in
a union is an object in JSON if a field of it has a `Key`, and else the value of its only field, or null without one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NoReturn, TypeAlias, final

from flowc_ir.policies import Card, ExitHook, Kubernetes, Plugin, Project, Secret, Trigger
from flowc_ir.versions import IR

if TYPE_CHECKING:
    from typing import Annotated

    from flowc_ir.markers import AtLeast, Flag, Items, Key, Matches, NotEmpty
    from flowc_ir.policies import Pairs

IR_VERSION = IR.current

NodeId: TypeAlias = str
ArtifactName: TypeAlias = str
Choice: TypeAlias = "str | int | float | bool"
ParameterType: TypeAlias = Literal["str", "int", "float", "bool", "json", "file"]


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


# -- how a node's tasks are left ---------------------------------------------------------------------------------------


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """Nothing follows: the run is over."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Goto:
    """One successor, at the same index path."""

    target: NodeId


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """All of two or more targets, in the order written; closed by exactly one join."""

    targets: Annotated[tuple[NodeId, ...], Items(2, unique=True)]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Foreach:
    """One task of `body` for each item of the artifact `over`; closed by exactly one join."""

    over: Annotated[ArtifactName, Key("foreach")]
    body: NodeId


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Gang:
    """Tasks of `body` that run all at once, as many as the run says; closed by exactly one join."""

    body: Annotated[NodeId, Key("gang")]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """Exactly one arm (choice, target), the one whose choice the artifact `condition` equals.

    Nothing closes a switch: its arms may meet anywhere, or end in the join of the split that the switch is in. An arm
    that leads back to a step that dominates the switch is a loop.
    """

    condition: Annotated[ArtifactName, Key("switch")]
    arms: Annotated[tuple[tuple[Choice, NodeId], ...], Items(2)]


Transition: TypeAlias = "End | Goto | Branch | Foreach | Gang | Switch"


def targets(transition: Transition) -> tuple[NodeId, ...]:
    """The nodes a transition leads to, in the order written, each once."""
    match transition:
        case End():
            return ()
        case Goto(target=target):
            return (target,)
        case Branch(targets=several):
            return several
        case Foreach(body=body) | Gang(body=body):
            return (body,)
        case Switch(arms=arms):
            return tuple(dict.fromkeys(target for _, target in arms))
        case _:
            assert_never(transition)


# -- policies ----------------------------------------------------------------------------------------------------------


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """`times` further attempts after the first, on a cluster `wait_seconds` apart."""

    times: Annotated[int, AtLeast(0)]
    wait_seconds: Annotated[int, AtLeast(0)] = 0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Catch:
    """A failure of the last attempt is stored in the artifact `var` (if named) and the flow goes on."""

    var: ArtifactName | None = None
    print_exception: bool = True


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Timeout:
    """An attempt is interrupted `seconds` after its code starts."""

    seconds: Annotated[int, AtLeast(1)]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What a task asks of its machine: `cpu` in cores (decimal text, so that it prints as written), sizes in MiB."""

    cpu: Annotated[str | None, Matches("[0-9]+([.][0-9]+)?", "decimal text such as 0.5")] = None
    memory: Annotated[int | None, AtLeast(0)] = None
    gpu: Annotated[int | None, AtLeast(0)] = None
    disk: Annotated[int | None, AtLeast(0)] = None
    shared_memory: Annotated[int | None, AtLeast(0)] = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Packages:
    """What a task's own interpreter has, where tasks get one: name to version, as written ("" for any version).

    `python` is a version such as "3.11", or a range such as ">=3.11,<3.14"; None for that of the interpreter which
    starts the run; `disabled` says that the task runs in that one.
    """

    python: str | None = None
    pypi: Pairs = ()
    conda: Pairs = ()
    disabled: bool = False


# -- what a node's tasks run -------------------------------------------------------------------------------------------


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A step method of the flow's class, which `Code.name` names."""

    name: Annotated[str, Key("method")]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function: its module and its name there, both dotted, such as `train.steps` and `Model.fit`."""

    module: str
    name: Annotated[str, Key("function")]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Notebook:
    """A Jupyter notebook: its path in the code package, with forward slashes."""

    file: Annotated[str, Key("notebook")]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """A command that a shell runs in the directory of the code package."""

    command: Annotated[str, Key("shell")]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Stub:
    """Nothing: the task only passes on what it is given."""


Action: TypeAlias = "Method | Function | Notebook | Shell | Annotated[Stub, Flag('stub')]"


# -- nodes and flows ---------------------------------------------------------------------------------------------------


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One task template; its `id` is the step's name.

    `joins` names the node whose Branch, Foreach or Gang this one closes: then its tasks see their parents as `inputs`.
    `cache` is the digest of the code that its tasks run, if what they leave is kept for tasks with the same inputs.
    `info` is what its author notes about it, canonical JSON: flowc only hands it on. `elsewhere` are decorators that
    are for other back ends than flowc's (`flowc_ir.policies.ELSEWHERE`), by their names.
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

    @property
    def cards_seconds(self) -> int:
        """How long a task may take to make its cards, which are made at the same time, after its timeout."""
        return max((card.timeout for card in self.cards), default=0)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A value given to a run. `default` is canonical JSON text, or None where there is none.

    `computed` says that the default comes from a function of the user's, called once when a run starts or, for a
    cluster, when the flow is compiled; `default` is then None until a pass has filled it in.

    With `multiple` the value is a list of values of the type, with a `separator` a text that is split at it. `choices`
    are the only texts there may be, `minimum` and `maximum` (canonical JSON) the smallest and the largest number. A
    `flag` is an option without a value. `converted`: the class makes of the value what steps see; None stands for the
    default that the class has. A `file` is given by its path and kept by its content; `encoding` is what its
    text is in, None where it is bytes. `attribute` is what steps call it, where that is not the name.
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

    Where JSON does not keep what a parser gave, such as a tuple, `exact` does (`flowc_runtime.store.values.exact`).
    """

    name: Annotated[str, NotEmpty()]
    where: Span
    value: str | None = None
    attribute: str = ""
    exact: str = ""

    @property
    def text(self) -> str | None:
        """All that tells one value from another."""
        return self.exact or self.value


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When a cluster starts runs by itself: `crons` in robfig's standard five fields, `timezone` an IANA name."""

    crons: Annotated[tuple[str, ...], Items(1)]
    where: Span
    timezone: str | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """Where the user's code is: in the code package with this `digest` (`sha256:…`).

    `file` of the package defines the flow. `name` is what in the file does: a flow class; empty: the whole file.
    """

    file: str
    name: str = ""
    digest: Annotated[str, Matches("sha256:[0-9a-f]+", "sha256: and hexadecimal digits")]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A whole flow. `nodes` stand in the order they are written in the source; `start` is where a run begins.

    `with_decorators` are decorators of the user's own that the command line puts on every step: name and arguments as
    canonical JSON text. `elsewhere` has the same meaning as in `Node`.
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
        """The nodes by their id (a new dict each time)."""
        return {node.id: node for node in self.nodes}


def assert_never(value: NoReturn) -> NoReturn:
    """For the last arm of a `match` over a union: mypy proves that it cannot be reached (typing's own needs 3.11)."""
    raise AssertionError(f"unreachable: {value!r}")
