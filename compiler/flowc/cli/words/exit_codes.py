"""The exit codes of the commands. The documentation's reference is generated from this table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

EXIT_CODES: Final[Mapping[str, str]] = {
    "0": "The command succeeded.",
    "1": "The flow has a fault, the run failed, or the requested object does not exist.",
    "2": "The command line, a config on it, or a setting (a variable or the configuration file) is wrong.",
    "128 + n": "Signal n ended the command; 130 is Ctrl-C.",
}

_RUN: Final[Mapping[str, str]] = {
    "0": "The run succeeded.",
    "1": "The flow has a fault, or the run failed.",
}

# Commands whose exit codes have a more specific meaning, both for `flowc` and for `python flow.py`.
EXIT_CODES_OF: Final[Mapping[str, Mapping[str, str]]] = {
    "run": _RUN,
    "resume": _RUN,
    "retry": _RUN,
    "spin": {"0": "The task succeeded.", "1": "The flow has a fault, or the task failed."},
    "check": {"0": "The flow has no fault; it may have warnings.", "1": "The flow has a fault."},
    "compile": {"0": "The manifests are written.", "1": "The flow has a fault, or the target refuses it."},
    "diff": {"0": "A deploy would change nothing.", "1": "A deploy would change something.", "2": "There is an error."},
    "logs show": {"0": "The logs are printed; with --follow: the run succeeded.",
                  "1": "The requested object does not exist; with --follow: the run did not succeed."},
    "show": {"0": "Everything is shown.", "1": "The object does not exist, or one of its records cannot be read."},
    "dump": {"0": "The artifacts are printed.", "1": "A task or an artifact does not exist, or is damaged."},
    "stop": {"0": "The run has ended.", "1": "The run does not exist, is not active here, or has not ended in time."},
    "gc": {"0": "Everything is listed or deleted.", "1": "A run that --run names is kept."},
    "fsck": {"0": "The store is whole.", "1": "Something in the store is damaged or lost."},
    "config": {"0": "The settings have no fault."},
    "doctor": {"0": "Nothing is wrong.", "1": "Packages conflict, the store cannot be used, or a setting has a fault."},
}  # fmt: skip
