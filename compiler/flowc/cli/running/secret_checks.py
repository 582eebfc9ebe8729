"""Checks, before a run on this machine, that the source of secrets has all secrets that steps name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.cli.options.common import FAULTY, tell_error
from flowc_runtime.base.config.secret_setting import SecretSetting
from flowc_runtime.run.task import secret_sources

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc_ir import Flow


def check_secrets(flow: Flow, setting: str, skipped: Sequence[str]) -> None:
    """Check that the source of secrets has the secrets of all steps.

    Args:
        flow: the flow.
        setting: the value of the setting `secrets`.
        skipped: the steps whose code does not run, and whose secrets are not checked.

    Raises:
        SystemExit: a secret is missing; the errors about all missing secrets are printed.
    """
    faults = [*secret_sources.faults(flow, SecretSetting.parse(setting), skipped)]
    for fault in faults:
        tell_error(fault.message, fault.hint)
    if faults:
        raise SystemExit(FAULTY)
