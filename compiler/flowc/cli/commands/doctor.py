"""`flowc doctor`: checks the installed packages, the settings, the store and, with FLOW, how tasks start."""

from __future__ import annotations

import shlex
import subprocess
import sys
from importlib import metadata, util
from typing import TYPE_CHECKING, NoReturn

import click

from flowc import __version__, distributions, installation
from flowc.cli.commands import doctor_plugins
from flowc.cli.commands.doctor_store import examine_store
from flowc.cli.options.common import FAULTY, fail
from flowc.targets import table
from flowc.targets.deployment import Need
from flowc_ir import json_text
from flowc_ir.counting import count
from flowc_ir.late import LateModule
from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.config import configuration
from flowc_runtime.base.errors import ConfigurationError
from flowc_runtime.process.process import HAS_PIDFD
from flowc_runtime.run.plugin_settings import check_plugins

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc.cli.commands import doctor_flow
else:
    # Imports `metaflow`, which may belong to another package.
    doctor_flow = LateModule("flowc.cli.commands.doctor_flow")

BEFORE = (
    Need("rich", "rich", "the progress line on a terminal", "pip install rich"),
    Need("cloudpickle", "cloudpickle", "artifacts that are lambdas or local classes", "pip install cloudpickle"),
)
AFTER = (
    Need("PyYAML", "yaml", f"flowc compile --target {table.DEFAULT}, and parameters in YAML files",
         "pip install 'flowc[yaml]'"),
    Need("obstore", "obstore", "runs in a bucket (--store s3://…) and metaflow.S3", "pip install 'flowc[s3]'"),
)  # fmt: skip


class Finding(NamedTuple):
    """One line of the report. If a finding is `bad`, the exit code of the command is 1."""

    mark: str
    text: str
    bad: bool = False


@click.command(
    "doctor",
    help="Check the installation: show installed and missing packages, and the commands that need them. With FLOW, "
    "also show how its tasks start here (as forks, or each with its own import) and the lines of code that determine "
    "this. Exit code 1 on a conflict, or if the store cannot be used.",
)
@click.argument("file", metavar="[FLOW]", required=False)
@click.option("--flow", "class_name", metavar="CLASS", help="The class of the flow, if the file has several flows.")
@click.option(
    "--repair", is_flag=True, help="Uninstall packages that overwrote flowc's `metaflow`, then reinstall flowc."
)
@click.option(
    "--from", "source", metavar="SOURCE", help="With --repair: install flowc from this wheel or source directory."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def doctor_command(
    ctx: click.Context, file: str | None, class_name: str | None, repair: bool, source: str | None, as_json: bool
) -> None:
    """Check the installation and, with FLOW, a flow; with --repair, repair the installation."""
    if repair:
        if file or as_json:
            raise click.UsageError("--repair takes no argument and no option except --from", ctx)
        _repair(source)
    if source:
        raise click.UsageError("--from needs --repair", ctx)
    findings = [
        Finding("ok", f"flowc {__version__}, Python {sys.version.split()[0]} on {sys.platform}"),
        _metaflow(),
        *_distributions(),
        *map(_optional, BEFORE),
        *_targets(),
        *map(_optional, AFTER),
        *_plugins(),
        *_extensions(),
        *_configuration(),
        _store(),
        _platform("pidfd_open", HAS_PIDFD, "the end of a process is detected by SIGCHLD"),
        _platform("prctl", sys.platform.startswith("linux"), "only the guardian process can end processes of tasks"),
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
    """Report how the tasks of a flow start."""
    return [Finding(mark, text) for mark, text in doctor_flow.examine_file(ctx, file, class_name)]


def _metaflow() -> Finding:
    """Report whether the package `metaflow` that Python imports is flowc's."""
    fault = installation.find_fault()
    if fault is not None:
        return Finding("BAD", f"{fault.message}: {installation.REPAIR}", bad=True)
    return Finding("ok", f"metaflow is flowc's, in {installation.directory()}")


def _distributions() -> Iterator[Finding]:
    """Report other distributions that install a `metaflow`, and overwritten files of flowc's `metaflow`.

    Also report the version that flowc's `metaflow` declares to packages that require Metaflow.
    """
    for name in distributions.others():
        text = f"the distribution '{name}' also installs a `metaflow`: {installation.REPAIR}"
        yield Finding("BAD", text, bad=True)
    if missing := distributions.damaged():
        some = ", ".join(missing[:3]) + (" …" if len(missing) > 3 else "")
        text = f"{len(missing)} files of flowc's `metaflow` are missing or overwritten ({some}): {installation.REPAIR}"
        yield Finding("BAD", text, bad=True)
    if version := distributions.stands_in():
        yield Finding("ok", f"packages that require metaflow get flowc's, as version {version}")
    else:
        yield Finding("note", "a package that requires metaflow would overwrite flowc's: install flowc with pip or uv")


def _extensions() -> Iterator[Finding]:
    """Report the installed extensions of `metaflow`, and the parts of them that have no effect in flowc."""
    if (fault := installation.find_fault()) is not None and fault.fatal:
        return
    from metaflow import __version__ as version  # `find_fault` has checked that this `metaflow` is flowc's
    from metaflow import _extensions

    unused = sorted(_extensions.without_effect())
    if names := [name for name in _extensions.organizations() if name not in _extensions.left_out]:
        yield Finding("ok", f"extensions of metaflow {version}: {', '.join(names)}")
    for organization, modules in sorted(_extensions.left_out.items()):
        why = "; ".join(f"{module}: {error}" for module, error in modules.items())
        text = f"parts of the extension '{organization}' are ignored, because they cannot be imported ({why})"
        yield Finding("note", f"{text}: fix it or uninstall it")
    for text in _extensions.broken_decorators():
        yield Finding("note", f"{text}: fix the extension or uninstall it")
    for organization in sorted({organization for organization, _ in unused}):
        kinds = ", ".join(kind for it, kind in unused if it == organization)
        yield Finding("note", f"the extension '{organization}' has {kinds}, which have no effect: flowc uses only "
                      "decorators, cards, settings, exceptions and names of extensions")  # fmt: skip


def _repair(source: str | None) -> NoReturn:
    """Uninstall other `metaflow` packages and reinstall flowc.

    Hazard: the commands uninstall flowc itself, so every module that this function needs afterwards must be imported
        first.
    """
    try:
        commands = distributions.repair_commands(source)
    except distributions.RepairError as error:
        fail(str(error))
    if installation.find_fault() is None and not distributions.others() and not distributions.damaged() and not source:
        click.echo("nothing to repair: metaflow is flowc's, and complete")
        raise SystemExit(0)
    for number, command in enumerate(commands):
        click.echo(f"$ {shlex.join(command)}")
        if subprocess.run(command, check=False).returncode:
            left = " && ".join(map(shlex.join, commands[number:]))
            click.echo(f"error: this command failed; fix the cause, then run\n  {left}", err=True)
            raise SystemExit(FAULTY)
    raise SystemExit(subprocess.run([sys.executable, "-m", "flowc", "doctor"], check=False).returncode)


def _configuration() -> list[Finding]:
    """Report the configuration file that flowc reads, or each fault of the configuration."""
    try:
        file = configuration.current_file()
        check_plugins()
    except ConfigurationError as error:
        return [Finding("BAD", f"{fault.message}: {fault.hint}", bad=True) for fault in error.faults]
    if file is None:
        return [Finding("ok", "no configuration file in this or a parent directory")]
    return [
        Finding(
            "ok", f"configuration file {file.path}, {count(len(file.values), 'setting')}; `flowc config` shows them"
        )
    ]


def _store() -> Finding:
    """Report whether the configured store can be used from this machine."""
    mark, text = examine_store()
    return Finding(mark, text, bad=mark == "BAD")


def _targets() -> Iterator[Finding]:
    """Report whether the packages that flowc's own targets need are installed."""
    needs = [*table.default_target().needs, *table.default_deployment().needs]
    yield from map(_optional, needs)


def _plugins() -> Iterator[Finding]:
    """Import the plugins of installed packages, and report whether each can be used."""
    for text, bad in doctor_plugins.examine_plugins():
        yield Finding("BAD" if bad else "ok", text, bad=bad)


def _optional(need: Need) -> Finding:
    if util.find_spec(need.module) is None:
        return Finding("missing", f"{need.distribution}, for {need.use}: {need.install}")
    return Finding("ok", f"{need.distribution} {_version(need.distribution)}, for {need.use}")


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "(of unknown version)"


def _platform(name: str, there: bool, otherwise: str) -> Finding:
    return Finding("ok", name) if there else Finding("note", f"no {name}: {otherwise}")
