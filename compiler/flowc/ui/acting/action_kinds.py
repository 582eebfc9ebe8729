"""The table of actions: for each one, its form, and the command line that it becomes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from flowc.ui.acting import form_values as checked
from flowc.ui.acting.form_values import ValueRefused
from flowc.ui.acting.startable import flow_files
from flowc_ir.late.namedtuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class RunCode(NamedTuple):
    """Where the code of a run is: the file of its flow relative to the root of the code, the flow's class (empty for a
    pipeline), and its steps."""

    file: str
    name: str
    steps: Sequence[str]


class ActionRequest(NamedTuple):
    """A sent form.

    Attributes:
        subject: what the action is done to: FLOW/RUN, a file, or the name of a deployed flow.
        fields: the values of the form.
        store: the address of the store.
        directory: the working directory of the server.
        code: the code of the run; None if the subject is no run, or its IR cannot be read.
    """

    subject: str
    fields: Mapping[str, str]
    store: str
    directory: Path
    code: RunCode | None = None

    def field(self, name: str) -> str:
        """Return the value of a field without surrounding blanks; empty if the form has no such field."""
        return self.fields.get(name, "").strip()


class FlowcCommand(NamedTuple):
    """The command line of an action.

    Attributes:
        words: the arguments of `flowc`.
        parameters: the parameters that are written to the file behind `--params-file`; None if there is no such option.
        begins: whether the command begins a run, and writes the run's id to the file behind `--run-id-file`.
        flow: the flow of the run that begins, if it is known.
    """

    words: tuple[str, ...]
    parameters: Mapping[str, str] | None = None
    begins: bool = False
    flow: str = ""


class ActionKind(NamedTuple):
    """An action.

    Attributes:
        title: the words of the button.
        about: what happens, in one or two sentences.
        subject: what the action is done to: `run`, `file` or `template`.
        fields: the names of the fields of its form, which `do.html` describes.
        command: returns the command line. Raises ValueRefused.
        destroys: whether the action cannot be undone.
        group: actions of the same group on the same subject are the same request. If it is empty, only equal command
            lines are the same request.
    """

    title: str
    about: str
    subject: str
    command: Callable[[ActionRequest], FlowcCommand]
    fields: tuple[str, ...] = ()
    destroys: bool = False
    group: str = ""


def _start(asked: ActionRequest) -> FlowcCommand:
    file = checked.one_of(asked.subject, flow_files(asked.directory), "flow file")
    of_class = checked.class_of(asked.field("class"))
    tags = tuple(f"--tag={tag}" for tag in checked.tags_of(asked.field("tags")))
    chosen = (f"--flow={of_class}",) if of_class else ()
    words = ("run", "--local", f"--store={asked.store}", *chosen, *tags, file)
    return FlowcCommand(words, checked.parameters_of(asked.fields.get("parameters", "")), begins=True)


def _run(asked: ActionRequest) -> str:
    return "/".join(checked.run_of(asked.subject))


def _retry(asked: ActionRequest) -> FlowcCommand:
    flow, _ = checked.run_of(asked.subject)
    return FlowcCommand(("retry", f"--store={asked.store}", _run(asked)), begins=True, flow=flow)


def _resume(asked: ActionRequest) -> FlowcCommand:
    flow, run = checked.run_of(asked.subject)
    code, step = asked.code, asked.field("step")
    if code is None:
        raise ValueRefused(f"the flow of run {asked.subject} cannot be read: flowc fsck checks the store")
    file = resumable_file(code, asked.directory)
    if file is None:
        raise ValueRefused(
            f"the flow's file {code.file} is not below the directory in which flowc ui was started: start it there"
        )
    chosen = (f"--flow={checked.class_of(code.name)}",) if code.name else ()
    words = ("resume", f"--store={asked.store}", *chosen, f"--origin-run-id={run}", file)
    return FlowcCommand(
        (*words, *((checked.one_of(step, code.steps, "step"),) if step else ())), begins=True, flow=flow
    )


def resumable_file(code: RunCode, directory: Path) -> str | None:
    """Return the path of a flow's file relative to the working directory; None if it is not below this directory."""
    path = Path(code.file)
    if path.is_absolute() or ".." in path.parts or code.file.startswith("-"):
        return None
    return code.file if (directory / path).is_file() else None


def _stop(asked: ActionRequest) -> FlowcCommand:
    return FlowcCommand(("stop", f"--store={asked.store}", "--", _run(asked)))


def _delete(asked: ActionRequest) -> FlowcCommand:
    return FlowcCommand(("gc", f"--store={asked.store}", f"--run={_run(asked)}", "--delete"))


def _tag(asked: ActionRequest) -> FlowcCommand:
    return _tags(asked, "add")


def _untag(asked: ActionRequest) -> FlowcCommand:
    return _tags(asked, "remove")


def _tags(asked: ActionRequest, verb: str) -> FlowcCommand:
    tags = checked.tags_of(asked.field("tags"))
    if not tags:
        raise ValueRefused("write a tag, or several tags in lines of their own")
    return FlowcCommand(("tag", verb, f"--store={asked.store}", "--", _run(asked), *tags))


def _trigger(asked: ActionRequest) -> FlowcCommand:
    name = checked.template_of(asked.subject)
    given = checked.parameters_of(asked.fields.get("parameters", ""))
    words = ("trigger", *(f"--param={each}={value}" for each, value in given.items()))
    return FlowcCommand((*words, "--", name), begins=True)


def _diff(asked: ActionRequest) -> FlowcCommand:
    return FlowcCommand(("diff", checked.one_of(asked.subject, flow_files(asked.directory), "flow file")))


KINDS: Final[Mapping[str, ActionKind]] = {
    "start": ActionKind(
        "Start a run",
        "Runs the flow on the machine of this server. The run goes on if this page or the server is closed.",
        "file", _start, ("class", "parameters", "tags"),
    ),
    "retry": ActionKind(
        "Retry", "Starts a new run that reuses the finished tasks of this run.", "run", _retry, group="again",
    ),
    "resume": ActionKind(
        "Resume",
        "Starts a new run that reuses the finished tasks of this run. If a step is chosen, it and the steps after it "
        "run again.",
        "run", _resume, ("step",), group="again",
    ),
    "stop": ActionKind(
        "Stop",
        "Ends the run: its tasks get SIGTERM, and the run is recorded as interrupted. It can be resumed later.",
        "run", _stop, destroys=True, group="stop",
    ),
    "tag": ActionKind("Add tags", "Adds tags to the run.", "run", _tag, ("tags",)),
    "untag": ActionKind("Remove tags", "Removes tags from the run.", "run", _untag, ("tags",)),
    "delete": ActionKind(
        "Delete",
        "Deletes the run with its logs, artifacts and cards, and all data of the store that no other run needs. This "
        "cannot be undone. A run that is active, or that a later run has resumed, is kept.",
        "run", _delete, destroys=True, group="delete",
    ),
    "trigger": ActionKind(
        "Trigger", "Starts a run of the deployed flow on the cluster.", "template", _trigger, ("parameters",),
    ),
    "diff": ActionKind(
        "Compare with the cluster", "Shows what a deployment of this file would change on the cluster.", "file", _diff,
    ),
}  # fmt: skip
"""The actions by name."""
OF_RUNS: Final = tuple(name for name, kind in KINDS.items() if kind.subject == "run")
"""The names of the actions that are done to a run."""


def key_of(name: str, asked: ActionRequest, command: FlowcCommand) -> tuple[str, ...]:
    """Return the key of a request: two requests with equal keys ask for the same."""
    kind = KINDS[name]
    if kind.group:
        return (kind.group, asked.subject)
    given = tuple(f"{each}={value}" for each, value in (command.parameters or {}).items())
    return (name, *command.words, *given)
