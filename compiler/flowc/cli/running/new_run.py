"""A new run on this machine: makes its id and its record, writes the files with its id, and reports its end."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn, cast

import click

from flowc.cli.options.common import fail, top, writing
from flowc.cli.options.triggers import trigger_events
from flowc.cli.rendering.working import working
from flowc.cli.running.beginning import writing_record
from flowc.cli.running.ignoring import recordable_files
from flowc.cli.words import option_values
from flowc_ir import json_text
from flowc_ir.late import LateFunction, LateModule
from flowc_ir.late.namedtuple import NamedTuple
from flowc_ir.schema import dumps
from flowc_runtime.base.config import configuration, settings
from flowc_runtime.base.config.config_keys import BY_KEY, PLUGIN_SETTINGS
from flowc_runtime.base.errors import FlowcError, TagError
from flowc_runtime.store.records.runs import end_run_here, new_run_record
from flowc_runtime.store.records.tags import check_tags
from flowc_runtime.store.values.sources import store_sources

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.cli.options.loading import Checked
    from flowc.revision import Look
    from flowc_emulator.console.protocol import Console
    from flowc_emulator.plan import RunResult
    from flowc_ir import Flow
    from flowc_runtime.base.config import secret_setting
    from flowc_runtime.run.plugin_settings import check_plugins
    from flowc_runtime.store.backends.durability import Disk
    from flowc_runtime.store.records.record_types import PackageRecord, RunRecord, StatusRecord
    from flowc_runtime.store.records.run_store import RunStore
    from flowc_runtime.store.records.store import Store
else:  # imported at first use: for flows with secrets, and for settings that differ from their defaults
    check_plugins = LateFunction("flowc_runtime.run.plugin_settings:check_plugins")
    secret_setting = LateModule("flowc_runtime.base.config.secret_setting")

_LETTERS: Final = "bcdfghjklmnpqrstvwxz"  # no vowels, so that the letters of an id form no word
MOCKED: Final = "mocked:true"
"""The system tag of a run in which patches replace the code of steps."""


def new_run_id(now: float) -> str:
    """Return the id of a new run, such as `20261120-091500-482kxz`.

    Ids sort by time (UTC), and are valid in Kubernetes names. The last part has the milliseconds, and three random
    letters that distinguish runs of the same millisecond.

    Args:
        now: the time in seconds since the epoch.
    """
    clock = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    number = int.from_bytes(os.urandom(8), "big")  # `secrets` loads OpenSSL
    letters = "".join(_LETTERS[number // len(_LETTERS) ** place % len(_LETTERS)] for place in range(3))
    return f"{clock}-{int(now * 1000) % 1000:03}{letters}"


class Choices(NamedTuple):
    """Settings that tasks need: the values of `secrets` (with an absolute path), `pickler` and `catalog`."""

    secrets: str
    pickler: str
    catalog: str


def choices_of(flow: Flow) -> Choices:
    """Check and return the settings that the tasks of a run on this machine need.

    Raises:
        ConfigurationError: a variable or the configuration file is invalid, or names a plugin that is not installed.
    """
    if any(configuration.text(key) != BY_KEY[key].default for key in PLUGIN_SETTINGS):
        check_plugins()
    catalog, pickler = str(configuration.text("catalog")), str(configuration.text("pickler"))
    if not any(node.secrets for node in flow.nodes):
        return Choices("env", pickler, catalog)
    chosen = secret_setting.SecretSetting.parse(str(configuration.text("secrets")))
    return Choices(chosen.below(os.getcwd()).text, pickler, catalog)


def checked_tags() -> tuple[str, ...]:
    """Return the tags on the command line without duplicates.

    Raises:
        click.UsageError: a tag is wrong.
        TagError: a tag is wrong, in `python flow.py`.
    """
    try:
        return tuple(check_tags(top().tags))
    except TagError as error:
        if click.get_current_context().find_object(type) is not None:
            raise
        raise click.UsageError(str(error)) from None


def namespace_for(user: str) -> str | None:
    """Return the namespace of the client in tasks: the value of `--namespace`, or the user's namespace. The result None
    selects all runs."""
    given = top().namespace
    return f"user:{user}" if given is None else given or None


def begin_run(
    store: Store,
    checked: Checked,
    parameters: dict[str, object],
    user: str,
    more: Mapping[str, object],
    look: Look,
    *,
    mocked: bool = False,
) -> RunStore:
    """Create a run with an unused id, write its record, and return the run.

    Args:
        store: the store.
        checked: the flow.
        parameters: the values of the parameters, as the record stores them.
        user: the user's name.
        more: further fields of the record, such as `origin`.
        look: the running query for the git revision; its result becomes part of the record.
        mocked: whether patches replace the code of steps. If it is true, the run gets the system tag MOCKED.

    Raises:
        FlowcError: the store cannot be written, or a tag is wrong.
        click.UsageError: a trigger or a tag is wrong.
        SystemExit: a run that `--trigger` names has not succeeded; the error is printed.
    """
    tags, definition = checked_tags(), dumps(checked.flow)
    more = {**more, **_sources(store, checked)}
    more = {**more, "trigger": events} if (events := trigger_events(store, checked.flow)) else more
    more = {**more, "revision": revision} if (revision := look.result()) is not None else more
    while True:
        created = time.time()
        run = store.run(checked.flow.name, new_run_id(created))
        record = new_run_record(
            run,
            checked.flow,
            created,
            user=user,
            target="local",
            parameters=parameters,
            tags=list(tags),
            namespace=namespace_for(user),
        )
        record.update(cast("RunRecord", more))
        if mocked:
            record["system_tags"] = sorted([*record["system_tags"], MOCKED])
        with writing_record() as made:
            if is_new := run.create(record, definition):
                made(run)
        if is_new:
            run.add_tags(tags)
            if origin := record.get("origin"):
                run.hold(origin)
            return run


def _sources(store: Store, checked: Checked) -> dict[str, PackageRecord]:
    """Store the flow's Python files, and return the field of the run's record that references them.

    Files that git ignores, and files that may contain secrets, are left out.
    """
    if any(node.secrets for node in checked.flow.nodes) or configuration.text("keep-sources") == "no":
        return {}
    if (files := recordable_files(checked.package, checked.flow.code.file)) is None:
        return {}
    with working("storing the flow's Python files"):
        return {"sources": store_sources(store.objects, files)}


def cannot_begin(run: RunStore, message: str, disk: Disk | None) -> NoReturn:
    """Print why a run cannot start its tasks, record the run as failed, and end the program.

    Args:
        run: the run.
        message: the reason.
        disk: the disk with the store; the function waits until the record is on this disk. If `disk` is None, it does
            not wait.

    Raises:
        SystemExit: always, with exit code 1, except if the store fails.
        StoreError: the end of the run cannot be recorded.
    """
    status: StatusRecord = {"state": "failed", "changed": time.time(), "message": message}
    end_run_here(run, status, lambda text: click.echo(f"note: {text}", err=True), disk)
    fail(message)


def tell_of(
    run: RunStore, records: RunStore, options: Mapping[str, object], disk: Disk | None = None, **more: str
) -> None:
    """Write the files that `--run-id-file` and `--runner-attribute-file` name, for the program that started this run.

    Args:
        run: the run; its store has the address by which other programs open it.
        records: the same run, in the store through which this process writes records.
        options: the values of the command's options.
        disk: the disk with the store, or None, as in `cannot_begin`.
        more: additional attributes for a `Runner`.

    Raises:
        SystemExit: a file cannot be written. The run is recorded as failed, and the error is printed.
    """
    try:
        write_attributes(options, run.flow, run.id, run.objects.url, **more)
    except FlowcError as error:
        cannot_begin(records, str(error), disk)


def write_attributes(options: Mapping[str, object], flow: str, run_id: str, store: str, **more: str) -> None:
    """Write the files that the options `--run-id-file` and `--runner-attribute-file` name.

    Args:
        options: the values of the command's options.
        flow: the name of the flow.
        run_id: the run's id.
        store: the address of the store with the run's records.
        **more: additional attributes.

    Raises:
        FlowcError: a file cannot be written.
    """
    attributes = {"run_id": run_id, "flow_name": flow, "metadata": f"local@{store}"} | more
    texts = {"run_id_file": run_id, "runner_attribute_file": json_text.shown(attributes)}
    for option, text in texts.items():
        if file := option_values.text(options, option):
            with writing(file):
                Path(file).write_text(text, encoding="utf-8")


def note_unused(console: Console) -> None:
    """Print a note if there are settings of Metaflow that have no effect in flowc."""
    if unused := settings.unused():
        console.note(f"flowc does not use {', '.join(unused)}")


def tell_end(console: Console, run: RunStore, result: RunResult, began: float) -> None:
    """Print whether the run succeeded, its number of tasks and its duration.

    Args:
        console: the console that prints the line.
        run: the run.
        result: the result of the supervisor.
        began: the run's start in seconds of the monotonic clock.
    """
    state = "succeeded" if result.ok else "interrupted" if result.signal else "failed"
    console.run_ended(f"{run.flow}/{run.id}", state, result.tally, time.monotonic() - began)


def exit_code(result: RunResult) -> int:
    """Return the exit code for a run's result: 0 for success, 1 for failure, 128 + n after signal n, as in shells."""
    if result.signal is not None:
        return 128 + result.signal
    return 0 if result.ok else 1
