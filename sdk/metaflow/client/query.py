"""Filters of runs: by tags, status, time and values of parameters."""

from __future__ import annotations

import json
import re
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias, final, get_args

from flowc_ir.late.pattern import late_pattern
from flowc_runtime.base.errors import RecordError
from flowc_runtime.run.views.run_view import RunView
from flowc_runtime.store.records import unreadable
from flowc_runtime.store.records.record_types import RunState
from metaflow.client.tag_expression import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from flowc_runtime.store.records.run_store import RunStore
    from metaflow.client.reader import RunReader

Moment: TypeAlias = "datetime | date | timedelta | str"
"""A point in time, given as a time or as an age."""

STATES: tuple[str, ...] = get_args(RunState)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_AGO = late_pattern(r"(\d+(?:\.\d+)?)\s*([smhdw])")
_CONDITION = late_pattern(r"(?P<name>[^=!<>]+?)\s*(?P<sign>==|!=|<=|>=|=|<|>)\s*(?P<value>.*)", re.DOTALL)


@final
class Query:
    """The conditions with which a client selects runs. Conditions that need few reads are checked first."""

    def __init__(
        self,
        all_of: Sequence[str] = (),
        *,
        status: str | Collection[str] | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        tags: str | None = None,
        parameters: Mapping[str, object] | None = None,
    ) -> None:
        """Create the query from the arguments of `Flow.runs`, which documents them.

        Raises:
            ValueError: an argument has an invalid form.
        """
        self._all_of = frozenset(all_of)
        self._states = None if status is None else frozenset([status] if isinstance(status, str) else status)
        if unknown := sorted((self._states or frozenset()) - set(STATES)):
            raise ValueError(f"there is no status {', '.join(map(repr, unknown))}: it is one of {', '.join(STATES)}")
        self._since = None if since is None else moment(since)
        self._until = None if until is None else moment(until)
        self._tags = None if tags is None else parse(tags)
        self._parameters = dict(parameters or {})

    def excludes(self, run: RunStore) -> bool:
        """Return whether the recorded status of a run shows that the run does not match, without reading its record.

        Raises:
            RecordError: the status cannot be read.
        """
        if self._states is None:
            return False
        status = run.written_status()
        # A killed run may still have the recorded status `running`.
        return status is not None and status["state"] != "running" and status["state"] not in self._states

    def candidates(self, newest_first: Iterable[RunReader]) -> Iterator[RunReader]:
        """Yield the runs that started in the time range. The iteration stops at the first run that started more than a
        minute before the range.

        Args:
            newest_first: runs, sorted by their ids from the newest to the oldest.
        """
        for reader in newest_first:
            created = round(reader.record["created"], 6)  # rounded, so that it can equal a datetime (microseconds)
            if self._until is not None and created >= self._until:
                continue
            # One minute of tolerance, because run ids follow the clocks of different machines, which may differ.
            if self._since is not None and created < self._since - 60:
                return
            if self._since is None or created >= self._since:
                yield reader

    def matches(self, reader: RunReader, user_tags: Callable[[RunReader], Collection[str]]) -> bool:
        """Return whether a run matches all conditions except the time range.

        A run with unreadable records does not match, and a warning reports it.

        Args:
            reader: the run.
            user_tags: a function that returns the user tags of a run; called only if a condition needs the tags.
        """
        try:
            return self._matches(reader, user_tags)
        except RecordError as error:
            unreadable.tell(error)
            return False

    def _matches(self, reader: RunReader, user_tags: Callable[[RunReader], Collection[str]]) -> bool:
        if self._parameters and not self._fits(reader.record["parameters"]):
            return False
        if self._all_of or self._tags is not None:
            tags = reader.system_tags.union(user_tags(reader))
            if not self._all_of <= tags or (self._tags is not None and not self._tags(tags)):
                return False
        return self._states is None or RunView(reader).own_status.readable().state in self._states

    def fits(self, *, created: float, tags: Collection[str], parameters: Mapping[str, object]) -> bool:
        """Return whether a run with these values matches all conditions except the status.

        Args:
            created: the start of the run, in seconds since the epoch.
            tags: the system tags and the user tags of the run.
            parameters: the values of the run's parameters, by name.
        """
        created = round(created, 6)
        if (self._since is not None and created < self._since) or (self._until is not None and created >= self._until):
            return False
        if not self._all_of <= frozenset(tags) or (self._tags is not None and not self._tags(tags)):
            return False
        return self._fits(parameters)

    def _fits(self, values: Mapping[str, object]) -> bool:
        for name, wanted in self._parameters.items():
            known = name if name in values else name.replace("_", "-")  # the option's name: `learning-rate`
            if known not in values or not _is(values[known], wanted):
                return False
        return True


def _is(value: object, expected: object) -> bool:
    if callable(expected):
        try:
            return bool(expected(value))
        except TypeError:  # the value cannot be compared, as in None > 5
            return False
    return bool(value == expected) and isinstance(value, bool) == isinstance(
        expected, bool
    )  # 1 must not match True, although Python considers them equal


def moment(value: Moment) -> float:
    """Convert a time or an age to seconds since 1970. A time without a time zone is local.

    Args:
        value: a date, a datetime, a timedelta before now, an ISO 8601 text, or an age such as `7d` (units s, m, h, d,
            w).

    Raises:
        ValueError: the value has an unknown form.
    """
    now = datetime.now()
    if isinstance(value, str):
        value = _read(value.strip())
    if isinstance(value, timedelta):
        return round((now - value).timestamp(), 6)
    if isinstance(value, datetime):
        return round(value.timestamp(), 6)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day).timestamp()
    raise ValueError(f"not a time: {value!r}; give a date, a datetime, or text such as '2026-11-20' or '7d'")


def _read(text: str) -> datetime | timedelta:
    if ago := _AGO.fullmatch(text):
        return timedelta(seconds=float(ago[1]) * _UNITS[ago[2]])
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00") if text.endswith("Z") else text)
    except ValueError:
        raise ValueError(f"not a time: {text!r}; write '2026-11-20', '2026-11-20 14:30', or an age: '7d'") from None


def condition(text: str) -> tuple[str, Callable[[Any], bool]]:
    """Return the parameter's name and a test function for a condition such as `n=5`, `rate<0.1` or `name!=x`.

    The text after the operator is converted to the type of the run's value. The test function raises TypeError if the
    values cannot be ordered.

    Args:
        text: a name, an operator (`=`, `==`, `!=`, `<`, `<=`, `>` or `>=`) and a value.

    Raises:
        ValueError: the text is not a condition of this form.
    """
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise ValueError(f"not a condition on a parameter: {text!r}; write n=5, n!=5, n<5, n<=5, n>5 or n>=5")
    sign, operand = match["sign"], match["value"]

    def test(value: object) -> bool:
        wanted = _like(value, operand)
        match sign:
            case "=" | "==":
                return _is(value, wanted)
            case "!=":
                return not _is(value, wanted)
            case "<":
                return bool(value < wanted)
            case "<=":
                return bool(value <= wanted)
            case ">":
                return bool(value > wanted)
            case _:
                return bool(value >= wanted)

    return match["name"].strip(), test


def conditions(texts: Iterable[str]) -> dict[str, Callable[[Any], bool]]:
    """Return one test function per parameter from a list of conditions; all conditions on a parameter must hold.

    Raises:
        ValueError: a string is not a condition.
    """
    by_name: dict[str, list[Callable[[Any], bool]]] = {}
    for name, test in map(condition, texts):
        by_name.setdefault(name, []).append(test)

    def together(tests: list[Callable[[Any], bool]]) -> Callable[[Any], bool]:
        return lambda value: all(test(value) for test in tests)

    return {name: together(tests) for name, tests in by_name.items()}


def _like(value: object, text: str) -> Any:
    """Convert the text to the type of `value`; return it unchanged if that is impossible."""
    if isinstance(value, str):
        return text
    try:
        read = json.loads(text.lower() if text.lower() in ("true", "false", "none") else text)
    except ValueError:
        return None if text.lower() == "none" else text
    return read
