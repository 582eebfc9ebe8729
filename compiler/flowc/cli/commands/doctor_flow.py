"""`flowc doctor FLOW`: reports how the tasks of a flow start, and which lines and packages determine this."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from flowc.cli.options.loading import load_flow
from flowc.cli.running.starting import judge
from flowc_emulator.processes.packages import UNSAFE
from flowc_emulator.processes.process_state import State

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import click

    from flowc.cli.options.loading import Checked
    from flowc.cli.running.starting import Verdict
    from flowc_emulator.processes.try_imports import ImportReport


def examine_file(ctx: click.Context, file: str, class_name: str | None) -> Iterator[tuple[str, str]]:
    """Import the flow in a file, and report how its tasks start.

    Args:
        ctx: the command's context.
        file: the argument FLOW.
        class_name: the value of `--flow`.

    Yields:
        For each finding, its mark (such as `ok`) and its text, which make one line of the report.

    Raises:
        SystemExit: the flow cannot be loaded or has faults; the errors are printed.
    """
    before = State.now()
    yield from _findings(load_flow(ctx, file, class_name, data=True), before)


def _findings(checked: Checked, before: State) -> Iterator[tuple[str, str]]:
    """Yield, for each finding about a flow, its mark (such as `ok`) and its text, which make one line of the report.

    Args:
        checked: the flow, which this process has imported.
        before: the state of this process before the import.
    """
    verdict = judge(checked, before)
    file, flow = checked.flow.code.file, checked.flow
    environments = [node.id for node in flow.nodes if node.environment]
    if verdict.harmless:
        yield "ok", f"{file}: importing it is harmless, so tasks start as forks of the process that imported it"
    else:
        yield "fresh", f"{file}: each task imports it itself, because forks must not share the effects of the import:"
        yield from (("", str(harm)) for harm in verdict.harms)
        yield from (("", f"the import {fault}") for fault in verdict.faults)
        yield from (("", f"the import loads {name}, which {UNSAFE[name].why}") for name in verdict.unsafe)
    if verdict.harmless and environments and not verdict.harmless_elsewhere:
        why = "the import depends on environment variables"
        yield "fresh", f"tasks of {', '.join(environments)}, which have @environment, import it themselves: {why}:"
        yield from (("", str(place)) for place in verdict.environment)
        yield from (("", f"it imports {name}, which may read environment variables") for name in _packages(verdict))
    yield from _packages_of(verdict)


def _packages(verdict: Verdict) -> list[str]:
    return list(dict.fromkeys(name.partition(".")[0] for name in verdict.third_parties))


def _packages_of(verdict: Verdict) -> Iterator[tuple[str, str]]:
    """Report the effects of importing each package that the flow imports. Separate processes import the packages."""
    for found in _try(_packages(verdict)):
        name = f"{found['module']} {found['version']}" if found["version"] else str(found["module"])
        if found["error"]:
            yield "note", f"{name} cannot be imported by itself: {found['error']}"
        elif found["faults"]:
            why = "; ".join(found["faults"])
            yield "fresh", f"{name}: importing it {why}; each task imports it itself, {found['seconds']:.1f} s"
        else:
            yield "ok", f"{name}: imported once for all tasks"


def _try(packages: Sequence[str]) -> list[ImportReport]:
    if not packages:
        return []
    done = subprocess.run(
        [sys.executable, "-m", "flowc_emulator.processes.try_imports", *packages],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]
