"""Make the patches of a run, and check before the run that they fit the flow. A patch replaces a step's code."""

from __future__ import annotations

import base64
import contextlib
import os
from typing import TYPE_CHECKING, Final

from flowc.frontends.pipeline.node_names import identifier
from flowc_ir import Merge, Method, json_text
from flowc_ir.graphs.step_values import returns_of
from flowc_ir.late import LateModule
from flowc_ir.late.pattern import late_pattern
from flowc_ir.suggestion import closest, did_you_mean
from flowc_runtime.base.errors import ProtocolError
from flowc_runtime.run.nodes.failing import is_check
from flowc_runtime.run.nodes.replacing import is_ours, values_for
from flowc_runtime.run.nodes.returned import ReturnError
from flowc_runtime.run.patches import Patch, PatchError, open_patch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import cloudpickle

    from flowc_ir import Flow, Node
    from flowc_ir.json_text import Json
    from flowc_runtime.run.patches import PatchKind
else:  # imported at first use: only functions and objects that a program gives need it
    cloudpickle = LateModule("cloudpickle")

_FUNCTION: Final = late_pattern(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")
_FILE: Final = late_pattern(r"[^\n]+\.py(:[^\W\d]\w*)?")


class WrongPatchError(Exception):
    """The name of a patch is not a step of the flow, or the patch's value does not fit the step.

    `hint` says what to write instead, or is None.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(f"{message}: {hint}" if hint else message)
        self.message = message
        self.hint = hint


def patches_from_words(words: Sequence[str], flow: Flow, root: str, *, mock: bool) -> dict[str, Patch]:
    """Return the patches that a command line gives, by the names of the steps.

    Args:
        words: the values of `--patch`: `STEP=` with a JSON value, `MODULE:FUNCTION`, or a Python file.
        flow: the flow.
        root: the directory of the flow's code.
        mock: whether to run no step's code; steps without a patch then get a patch that does nothing.

    Raises:
        WrongPatchError: a value of `--patch` is wrong or does not fit the flow; nothing has run.
        BaseException: any exception that a patch's module raises when it is imported.
    """
    found: dict[str, Patch] = {}
    for text in words:
        step, equals, value = text.partition("=")
        if not equals:
            raise WrongPatchError(f"--patch {text!r} has no '='", "write --patch STEP=VALUE")
        node = _node(step, flow)
        kind, what = _parsed(value, text)
        patch = found[node.id] = Patch(kind=kind, what=what, mock=mock)
        _check(patch, node, flow, root)
    return _with_mocks(found, flow) if mock else found


def patches_from_values(given: Mapping[str, object], flow: Flow, *, mock: bool) -> dict[str, Patch]:
    """Return the patches that a program gives, by the names of the steps.

    Args:
        given: a value or a function for each patched step.
        flow: the flow.
        mock: whether to run no step's code.

    Raises:
        WrongPatchError: a name or a value does not fit the flow, or cannot be pickled.
    """
    found: dict[str, Patch] = {}
    for step, value in given.items():
        node = _node(step, flow)
        if not callable(value):
            _check_value(value, node)
        found[node.id] = _made(value, node, mock=mock)
    return _with_mocks(found, flow) if mock else found


def _made(value: object, node: Node, *, mock: bool) -> Patch:
    """Return the patch for a value that a program gives. The patch contains the value as JSON if decoding this JSON
    gives an equal value, and otherwise the value's pickle."""
    if not callable(value):
        with contextlib.suppress(TypeError, ValueError):  # the value is pickled below, because JSON cannot represent it
            text = json_text.dumps(value)
            if json_text.loads(text) == value:
                return Patch(kind="value", what=json_text.loads(text), mock=mock)
    try:
        pickled = base64.b64encode(cloudpickle.dumps(value)).decode()
    except Exception as error:  # an object may raise any exception when it is pickled
        raise WrongPatchError(
            f"the patch of step '{node.id}' cannot be pickled: {error}",
            "define a function in a module, and let it make the value",
        ) from error
    return Patch(kind="pickle", what=pickled, mock=mock)


def _parsed(value: str, text: str) -> tuple[PatchKind, Json]:
    """Parse `value`, the text after `STEP=` in the value `text` of the option `--patch`. Return the kind of the patch,
    and its content."""
    if _FUNCTION.fullmatch(value) and not _FILE.fullmatch(value):
        return "function", value
    if _FILE.fullmatch(value):
        path, colon, name = value.rpartition(".py")
        return "file", f"{os.path.abspath(path)}{colon}{name}"
    try:
        return "value", json_text.loads(value)
    except ValueError:
        raise WrongPatchError(
            f"--patch {text!r}: {value!r} is neither a JSON value nor MODULE:FUNCTION nor a Python file",
            f"""write a text as JSON: --patch '{text.partition("=")[0]}="{value}"'""",
        ) from None


def _node(step: str, flow: Flow) -> Node:
    """Return the step that a user calls `step`: this is the step's name in the pipeline, or the name under which its
    tasks are stored."""
    nodes = {node.id: node for node in flow.nodes if not isinstance(node.run, Merge) and not is_ours(node)}
    name = step if step in nodes else identifier(step)
    if name in nodes:
        return nodes[name]
    near = closest(step, nodes)
    raise WrongPatchError(
        f"flow '{flow.name}' has no step '{step}' to patch",
        did_you_mean(near) if near is not None else f"steps: {', '.join(nodes)}",
    )


def _check(patch: Patch, node: Node, flow: Flow, root: str) -> None:
    """Check that a patch from the command line can be applied to its step."""
    if patch["kind"] == "value":
        _check_value(patch["what"], node)
        return
    try:
        open_patch(patch, node.id, root, flow.code.file)
    except (PatchError, ProtocolError, ImportError, OSError, SyntaxError) as error:
        what = f"{type(error).__name__}: " if isinstance(error, (ImportError, SyntaxError)) else ""
        raise WrongPatchError(
            f"the patch of step '{node.id}', {patch['what']}, cannot be used: {what}{error}"
        ) from None


def _check_value(value: object, node: Node) -> None:
    """Check that the step could return this value: a dict of artifacts for a step of a flow class, otherwise one value
    for each declared return value."""
    if isinstance(node.run, Method):
        if value is not None and not (
            isinstance(value, dict) and all(isinstance(name, str) and name.isidentifier() for name in value)
        ):
            raise WrongPatchError(
                f"the patch of step '{node.id}' is {value!r:.60}, not a dict of artifacts",
                """write it as '{"NAME": VALUE}'""",
            )
        return
    try:
        values_for(value, returns_of(node.run), node.id)
    except ReturnError as error:
        raise WrongPatchError(str(error)) from None


def _with_mocks(found: Mapping[str, Patch], flow: Flow) -> dict[str, Patch]:
    nothing = Patch(kind="nothing", what=None, mock=True)
    return {node.id: found.get(node.id, nothing) for node in flow.nodes if not is_ours(node) or is_check(node)}
