"""Convert a task's retries, time limit, resources and environment variables to objects of the IR.

The values come from arguments of tasks in pipelines and from tables of the configuration file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from flowc_ir.late import LateModule
from flowc_ir.late.namedtuple import NamedTuple
from flowc_ir.late.pattern import late_pattern
from flowc_ir.model import Resources, Retry, Timeout
from flowc_ir.suggestion import closest, did_you_mean

if TYPE_CHECKING:
    import datetime
    import decimal
else:  # imported at first use: only some values need these modules
    datetime, decimal = LateModule("datetime"), LateModule("decimal")

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION: Final = late_pattern(r"(?:[0-9]+[smhd])+")
_MIB: Final = {"Mi": 1, "Gi": 1024, "Ti": 1024 * 1024}
_SIZE: Final = late_pattern(r"([0-9]+)(Mi|Gi|Ti)?")
_CPU: Final = late_pattern(r"[0-9]+([.][0-9]+)?")
_VARIABLE: Final = late_pattern(r"[A-Za-z_][A-Za-z0-9_]*")
RESOURCES: Final = ("cpu", "memory", "gpu", "disk", "shared_memory")


class LimitError(ValueError):
    """A value is invalid; the message shows the value and the allowed forms."""


class TaskLimits(NamedTuple):
    """The retries, time limit, resources and environment variables of a task, as objects of the IR."""

    retry: Retry | None = None
    timeout: Timeout | None = None
    resources: Resources | None = None
    environment: tuple[tuple[str, str], ...] = ()


NO_LIMITS: Final = TaskLimits()


def retry_of(given: object, what: str) -> Retry | None:
    """Return the retries that are given as a number, or as `{"times": 3, "wait": "30s"}`. Raises LimitError.

    Args:
        given: the value; None sets no retries.
        what: the step, for messages.
    """
    if given is None:
        return None
    fields: dict[object, object] = dict(given) if isinstance(given, Mapping) else {"times": given}
    _check_keys(fields, ("times", "wait"), f"{what}: retry")
    times = fields.get("times")
    if not _whole(times, 0):
        raise LimitError(f"{what}: retry: times is {times!r:.60}, not a whole number such as 3")
    assert isinstance(times, int)
    return Retry(times=times, wait_seconds=wait_of(fields.get("wait", 0), f"{what}: retry: wait"))


def wait_of(given: object, what: str) -> int:
    """Return the seconds between attempts, given as a duration, which may be 0. Raises LimitError."""
    return seconds_of(given, what, least=0)


def timeout_of(given: object, what: str) -> Timeout | None:
    """Return the time limit of an attempt, given as a duration. Raises LimitError."""
    return None if given is None else Timeout(seconds=seconds_of(given, f"{what}: timeout"))


def seconds_of(given: object, what: str, *, least: int = 1) -> int:
    """Return the seconds of a duration: a number of seconds, a string such as `1h30m`, or a timedelta.

    Args:
        given: the value.
        what: the argument, for messages.
        least: the smallest number of seconds: 0 or 1.

    Raises:
        LimitError: `given` has none of these forms, or is shorter than `least`.
    """
    seconds = given
    if isinstance(given, str):
        if _DURATION.fullmatch(given):
            seconds = sum(int(number) * _SECONDS[unit] for number, unit in re.findall("([0-9]+)([smhd])", given))
    elif not isinstance(given, int) and isinstance(given, datetime.timedelta):
        seconds = int(given.total_seconds()) if given.total_seconds() >= 1 or not given else -1
    if type(seconds) is int and seconds < least:
        wanted = "at least one second, such as 90, '90s'" if least else "a number of seconds, such as 0, '30s'"
        raise LimitError(f"{what} is {given!r:.60}, not {wanted} or '1h30m'")
    if not _whole(seconds, least):
        raise LimitError(f"{what} is {given!r:.60}, not a number of seconds, or a string such as '90s' or '1h30m'")
    assert isinstance(seconds, int)
    return seconds


def resources_of(given: object, what: str) -> Resources | None:
    """Return the resources of a mapping from names to amounts. Sizes are MiB, or strings such as `4Gi`.

    Args:
        given: the mapping; None requests no resources.
        what: the step, for messages.

    Raises:
        LimitError: a name or an amount is wrong.
    """
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise LimitError(f'{what}: resources is {given!r:.60}, not amounts such as {{"cpu": 2, "memory": "4Gi"}}')
    _check_keys(given, RESOURCES, f"{what}: resources")
    amounts = {name: value for name, value in given.items() if value is not None}
    sizes = {
        name: mebibytes(amounts[name], f"{what}: resources: {name}") if name in amounts else None
        for name in ("memory", "disk", "shared_memory")
    }
    gpu = amounts.get("gpu")
    if gpu is not None and not _whole(gpu, 0):
        raise LimitError(f"{what}: resources: gpu is {gpu!r:.60}, not a whole number")
    assert gpu is None or isinstance(gpu, int)
    cpu = cores(amounts["cpu"], f"{what}: resources: cpu") if "cpu" in amounts else None
    return Resources(cpu=cpu, gpu=gpu, memory=sizes["memory"], disk=sizes["disk"], shared_memory=sizes["shared_memory"])


def environment_of(given: object, what: str) -> tuple[tuple[str, str], ...]:
    """Return the environment variables of a mapping from names to values; numbers become strings. Raises LimitError.

    Args:
        given: the mapping.
        what: the step, for messages.
    """
    if not isinstance(given, Mapping):
        raise LimitError(f'{what}: environment is {given!r:.60}, not variables such as {{"LEVEL": "high"}}')
    for name, value in given.items():
        if not isinstance(name, str) or not _VARIABLE.fullmatch(name):
            raise LimitError(f"{what}: environment: {name!r:.60} is not the name of a variable")
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise LimitError(f"{what}: environment: {name} is {value!r:.60}, not a string or a number")
    return tuple((name, str(value)) for name, value in given.items())


def check_secrets(given: object, what: str) -> None:
    """Check the names of secrets, which become environment variables. Raises LimitError.

    Args:
        given: the names.
        what: the step, for messages.
    """
    if not isinstance(given, (list, tuple)):
        raise LimitError(f'{what}: secrets is {given!r:.60}, not a list of names such as ["TOKEN"]')
    for name in given:
        if not isinstance(name, str) or not _VARIABLE.fullmatch(name):
            raise LimitError(f"{what}: secrets: {name!r:.60} is not the name of a variable")


def _check_keys(given: Mapping[object, object], known: tuple[str, ...], what: str) -> None:
    for name in given:
        if name not in known:
            near = closest(name, known)
            raise LimitError(f"{what} has no {name!r}: {did_you_mean(near) if near else f'it has {_list(known)}'}")


def _list(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _whole(value: object, least: int) -> bool:
    return type(value) is int and value >= least


def mebibytes(value: object, what: str) -> int:
    """Return a size in MiB that is given as a number, or as a string such as `4Gi`. Raises LimitError.

    Args:
        value: the size.
        what: the argument, for messages.
    """
    if isinstance(value, str) and (found := _SIZE.fullmatch(value)):
        return int(found[1]) * _MIB[found[2] or "Mi"]
    if not _whole(value, 0):
        raise LimitError(f"{what} is {value!r:.60}, not a number of MiB, or a string such as '512Mi' or '4Gi'")
    assert isinstance(value, int)
    return value


def cores(value: object, what: str) -> str:
    """Return a number of cores as decimal text. Raises LimitError.

    Args:
        value: a number, or a string such as `500m`.
        what: the argument, for messages.
    """
    text = str(value)
    try:
        if isinstance(value, str) and value.endswith("m") and value[:-1].isdigit():
            text = format((decimal.Decimal(value[:-1]) / 1000).normalize(), "f")
        elif isinstance(value, float):
            text = format(decimal.Decimal(text), "f")
    except decimal.InvalidOperation:  # the number is infinite
        text = ""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)) or not _CPU.fullmatch(text):
        raise LimitError(f"{what} is {value!r:.60}, not a number of cores such as 0.5, or a string such as '500m'")
    return text
