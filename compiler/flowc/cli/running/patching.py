"""The patches of a run, which replace the code of steps: from the command line, or from `Pipeline.execute`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from flowc.cli.options.common import USAGE, fail
from flowc.cli.words.option_values import executor, text, texts
from flowc_ir import json_text
from flowc_ir.late import LateModule
from flowc_runtime.run.patches import IN_PROCESS, Patch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.cli.options.loading import Checked
    from flowc.mocking import making_patches
    from flowc_ir import Flow
else:  # imported at first use: only runs with patches need it
    making_patches = LateModule("flowc.mocking.making_patches")


def patches_of(checked: Checked, options: Mapping[str, object]) -> Mapping[str, Patch]:
    """Return the patches of a run, by the name of the step; an empty mapping without `--mock` and `--patch`.

    Args:
        checked: the flow.
        options: the values of the command's options.

    Raises:
        SystemExit: a patch does not fit the flow; the error is printed.
    """
    if (file := text(options, "patches_file")) is not None:
        return cast("dict[str, Patch]", json_text.mapping(Path(file).read_bytes()))  # `Pipeline.execute` wrote it
    if not is_asked(options):
        return {}
    mock = _is_mock(options)
    try:
        return making_patches.patches_from_words(
            texts(options, "patches"), checked.flow, str(checked.package.root), mock=mock
        )
    except making_patches.WrongPatchError as error:
        fail(error.message, error.hint, code=USAGE)


def runs_no_code(flow: Flow, patches: Mapping[str, Patch]) -> bool:
    """Return whether the patches replace the code of every step, and run no code in its place. If the result is true,
    tasks run without processes of their own."""
    return all(node.id in patches and patches[node.id]["kind"] in IN_PROCESS for node in flow.nodes)


def is_asked(options: Mapping[str, object]) -> bool:
    """Return whether the options include `--patch` or `--mock`, or choose the executor `mock`."""
    return bool(_is_mock(options) or options.get("patches"))


def _is_mock(options: Mapping[str, object]) -> bool:
    return bool(options.get("mock")) or executor(options) == "mock"
