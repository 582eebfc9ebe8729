"""The exit codes of the commands, as the reference lists them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

EXIT_CODES: Final[Mapping[str, str]] = {
    "0": "The command has done what it is for.",
    "1": "The flow has a fault, the run failed, or what was asked for does not exist.",
    "2": "The command line, a config that it gives, or the configuration file is wrong.",
    "128 + n": "Signal n has ended the command, as in 130 for Ctrl-C.",
}

_RUN: Final[Mapping[str, str]] = {
    "0": "The run succeeded.",
    "1": "The flow has a fault, or the run failed.",
}

# Of the commands that say more: `flowc` and a flow's own file have the same.
EXIT_CODES_OF: Final[Mapping[str, Mapping[str, str]]] = {
    "run": _RUN,
    "resume": _RUN,
    "retry": _RUN,
    "spin": {"0": "The task succeeded.", "1": "The flow has a fault, or the task failed."},
    "check": {"0": "The flow has no fault; it may have warnings.", "1": "The flow has a fault."},
    "compile": {"0": "The manifests are written.", "1": "The flow has a fault, or the target refuses it."},
    "diff": {"0": "A deploy would change nothing.", "1": "A deploy would change something.", "2": "There is an error."},
    "logs show": {"0": "The logs are printed; with --follow: the run succeeded.",
                  "1": "What was asked for does not exist; with --follow: the run did not succeed."},
    "show": {"0": "Everything is shown.", "1": "What was asked for does not exist, or a record of it cannot be read."},
    "dump": {"0": "The artifacts are printed.", "1": "A task or an artifact does not exist, or is damaged."},
    "fsck": {"0": "The store is whole.", "1": "Something in the store is damaged or lost."},
    "config": {"0": "The settings have no fault.", "1": "The configuration file or a variable has a fault."},
    "doctor": {"0": "Nothing is wrong.", "1": "Packages conflict, the store cannot be used, or a setting has a fault."},
}  # fmt: skip
