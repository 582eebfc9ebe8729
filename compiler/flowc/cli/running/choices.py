"""What the configuration chooses for a run on this machine: the source of secrets, the pickler and the catalog."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from flowc.cli.options.common import FAULTY, fail, tell_error
from flowc_ir.late import LateModule
from flowc_runtime.base.config import configuration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc_ir import Flow
    from flowc_runtime.base.config import secret_setting
    from flowc_runtime.run import catalogs
    from flowc_runtime.run.task import secret_sources
    from flowc_runtime.store.values import picklers
else:  # only flows with secrets or files, and other values than the defaults, need them
    catalogs = LateModule("flowc_runtime.run.catalogs")
    secret_setting = LateModule("flowc_runtime.base.config.secret_setting")
    secret_sources = LateModule("flowc_runtime.run.task.secret_sources")
    picklers = LateModule("flowc_runtime.store.values.picklers")


class Choices(NamedTuple):
    """The values of the settings `secrets`, with an absolute path, `pickler` and `catalog`."""

    secrets: str
    pickler: str
    catalog: str


def choices_of(flow: Flow) -> Choices:
    """Return the choices for a run of a flow.

    Raises:
        ConfigurationError: a variable or the configuration file is invalid.
        UnknownCatalogError: steps have files, and the catalog is not installed.
        SystemExit: the pickler is not installed; the error is printed.
    """
    catalog = str(configuration.text("catalog"))
    if any(node.files is not None for node in flow.nodes):
        catalogs.check_catalog(catalog)
    pickler = str(configuration.text("pickler"))
    if pickler != "pickle":
        try:
            picklers.check(pickler)
        except picklers.PicklerError as error:
            fail(error.message, error.hint)
    if not any(node.secrets for node in flow.nodes):
        return Choices("env", pickler, catalog)
    chosen = secret_setting.SecretSetting.parse(str(configuration.text("secrets")))
    return Choices(chosen.below(os.getcwd()).text, pickler, catalog)


def check_secrets(flow: Flow, choices: Choices, skipped: Sequence[str]) -> None:
    """Check that the source has the secrets of every step, before a run begins.

    Args:
        flow: the flow.
        choices: the choices.
        skipped: the steps whose code does not run.

    Raises:
        SystemExit: one is missing; all errors are printed.
    """
    if not any(node.secrets for node in flow.nodes):
        return
    faults = [*secret_sources.faults(flow, secret_setting.SecretSetting.parse(choices.secrets), skipped)]
    for fault in faults:
        tell_error(fault.message, fault.hint)
    if faults:
        raise SystemExit(FAULTY)
