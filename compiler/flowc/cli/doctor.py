"""`flowc doctor`: what is installed, what is missing for which command, and whose `metaflow` is imported."""

from __future__ import annotations

import os
import sys
from importlib import metadata, util
from pathlib import Path
from typing import NamedTuple

import click

from flowc import __version__
from flowc.cli.common import FAULTY
from flowc.ir import json_text
from flowc_runtime import configuration
from flowc_runtime.errors import ConfigurationError

# what: (the module that is imported, what needs it, how to get it)
OPTIONAL = {
    "rich": ("rich", "the progress line on a terminal", "pip install rich"),
    "cloudpickle": ("cloudpickle", "artifacts that are lambdas or local classes", "pip install cloudpickle"),
    "hera": ("hera", "flowc compile --target argo", "pip install 'flowc[argo]'"),
    "kubernetes": ("kubernetes", "flowc deploy, trigger, status and the like", "pip install 'flowc[cluster]'"),
    "PyYAML": ("yaml", "flowc compile --target argo, and parameters in YAML files", "pip install 'flowc[yaml]'"),
    "obstore": ("obstore", "runs in a bucket (--store s3://…) and metaflow.S3", "pip install 'flowc[s3]'"),
}


class Finding(NamedTuple):
    """One line of the report; `bad` makes the exit code 1."""

    mark: str
    text: str
    bad: bool = False


@click.command(
    "doctor",
    help="Show what is installed and what is missing for which command; exit code 1 on a conflict. With FLOW also show "
    "how its tasks begin on this machine: as forks, or with an import of their own, and the lines that decide it.",
)
@click.argument("file", metavar="[FLOW]", required=False)
@click.option("--flow", "class_name", metavar="CLASS", help="The flow's class, if the file has several.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def doctor_command(ctx: click.Context, file: str | None, class_name: str | None, as_json: bool) -> None:
    """Examine the installation, and perhaps a flow."""
    findings = [
        Finding("ok", f"flowc {__version__}, Python {sys.version.split()[0]} on {sys.platform}"),
        _metaflow(),
        *_distributions(),
        *(_optional(name) for name in OPTIONAL),
        *_configuration(),
        _platform("pidfd_open", hasattr(os, "pidfd_open"), "child deaths are learnt by SIGCHLD instead"),
        _platform("prctl", sys.platform.startswith("linux"), "children are ended by the guardian process alone"),
    ]
    if file is not None:
        findings += _flow(ctx, file, class_name)
    if as_json:
        click.echo(json_text.shown([finding._asdict() for finding in findings], indent=2))
    else:
        for finding in findings:
            click.echo(f"{finding.mark:>7}  {finding.text}")
    if any(finding.bad for finding in findings):
        raise SystemExit(FAULTY)


def _flow(ctx: click.Context, file: str, class_name: str | None) -> list[Finding]:
    """How the tasks of a flow begin."""
    from flowc.cli.common import load_flow
    from flowc.cli.doctor_flow import examine_flow
    from flowc_emulator.process_state import State

    before = State.now()
    found = load_flow(ctx, file, class_name, data=True)
    return [Finding(mark, text) for mark, text in examine_flow(found, before)]


def _metaflow() -> Finding:
    """Whose `metaflow` an import finds."""
    spec = util.find_spec("metaflow")
    place = Path(spec.origin).parent if spec is not None and spec.origin else None
    if place is not None and (place / "_unsupported.py").is_file():
        return Finding("ok", f"metaflow is flowc's, in {place}")
    return Finding("BAD", f"`import metaflow` finds another one, in {place}: flows would not be flowc's", bad=True)


def _distributions() -> list[Finding]:
    """Another distribution that installs a `metaflow` overwrites our files or is overwritten, whoever came last."""
    others = [name for name in metadata.packages_distributions().get("metaflow", []) if name != "flowc"]
    return [
        Finding("BAD", f"the distribution '{name}' installs a `metaflow` as well: pip uninstall {name}", bad=True)
        for name in sorted(set(others))
    ]


def _configuration() -> list[Finding]:
    """Which configuration file is used, and every fault of it."""
    try:
        file = configuration.current_file()
    except ConfigurationError as error:
        return [Finding("BAD", f"{fault.message}: {fault.hint}", bad=True) for fault in error.faults]
    if file is None:
        return [Finding("ok", "no configuration file, here or above")]
    count = "1 setting" if len(file.values) == 1 else f"{len(file.values)} settings"
    return [Finding("ok", f"configuration file {file.path}, {count}; `flowc config` shows them")]


def _optional(name: str) -> Finding:
    module, purpose, how = OPTIONAL[name]
    if util.find_spec(module) is None:
        return Finding("missing", f"{name}, for {purpose}: {how}")
    return Finding("ok", f"{name} {_version(name)}, for {purpose}")


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "(of unknown version)"


def _platform(name: str, there: bool, otherwise: str) -> Finding:
    return Finding("ok", name) if there else Finding("note", f"no {name}: {otherwise}")
