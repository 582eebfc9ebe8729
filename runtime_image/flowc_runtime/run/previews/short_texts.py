"""Short texts of values for previews. Only the `repr` of builtin types is called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flowc_ir import json_text
from flowc_ir.late import LateModule
from flowc_runtime.store.values.descriptions import CONTAINERS, short_repr, type_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowc_runtime.run.nodes.programs import masking
    from flowc_runtime.store.values.codecs import UserValue
else:  # imported at first use: only steps with secrets need it
    masking = LateModule("flowc_runtime.run.nodes.programs.masking")

_LEVELS: Final = 6  # levels of containers that are shown
_LONGEST: Final = 200  # characters of a string in a container
_TIMES: Final = {
    "datetime": ("date", "datetime", "time", "timedelta"),
    "decimal": ("Decimal",),
    "pandas": ("NAType", "NaTType", "Period", "Timedelta", "Timestamp"),
}
"""Classes whose `str` is short and calls no code of the user, by their packages."""
_DIGITS: Final = 2000  # bits of the largest shown integer


class SecretFound(Exception):
    """A value contains the value of a secret, so that no part of it may be shown."""


class ShortTexts:
    """Makes short texts, and searches each text for the step's secrets before it is cut."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._secrets = {name: value for name, value in secrets.items() if value}
        # a secret that begins in the shown part is searched as a whole, also where it is escaped
        self._margin = 6 * max(map(len, self._secrets.values()), default=0)

    def check(self, text: str) -> None:
        """Raise SecretFound if a text contains the value of a secret."""
        if self._secrets and masking.secret_in_text(text, self._secrets) is not None:
            raise SecretFound

    def short(self, text: str, limit: int) -> str:
        """Return at most `limit` characters of a text; UTF-8 can encode them. Raises SecretFound."""
        if self._secrets:
            self.check(text[: limit + self._margin])
        shown = text if len(text) <= limit else f"{text[: limit - 1]}…"
        return shown.encode("utf-8", "replace").decode()

    def json(self, value: object, limit: int) -> str:
        """Return JSON of a builtin value; it may be cut after more than `limit` characters. Raises SecretFound."""
        parts: list[str] = []
        length = 0
        for part in self._parts(value, _LEVELS):
            parts.append(part)
            length += len(part)
            if length > limit:
                break
        return "".join(parts)

    def cell(self, value: UserValue) -> str:
        """Return the text of a value in a table: a builtin value, a number of numpy, or a time. Raises SecretFound.

        Other values are shown by the name of their type.
        """
        cls = type(value)
        package = cls.__module__.partition(".")[0]
        if package == "numpy" and hasattr(cls, "item"):
            value = value.item()
            cls = type(value)
        if cls is str:
            return self.short(value, 24)
        if cls is float:
            return f"{value:.6g}"
        if package in _TIMES and cls.__name__ in _TIMES[package] and _has_plain_zone(value):
            return self.short(str(value), 32)
        return self.short(short_repr(value), 24)

    def _parts(self, value: UserValue, levels: int) -> Iterator[str]:
        cls = type(value)
        if cls is str:
            yield json_text.dumps(self.short(value, _LONGEST), ensure_ascii=False)
        elif cls in (bool, type(None)) or (cls is int and value.bit_length() <= _DIGITS):
            yield json_text.dumps(value)
        elif cls is float:
            yield json_text.shown(value)
        elif cls is dict and levels:
            yield "{"
            for number, (key, inner) in enumerate(value.items()):
                name = key if type(key) is str else short_repr(key)
                yield f"{', ' if number else ''}{json_text.dumps(self.short(name, _LONGEST), ensure_ascii=False)}: "
                yield from self._parts(inner, levels - 1)
            yield "}"
        elif cls in CONTAINERS and levels:
            yield "["
            for number, inner in enumerate(value):
                if number:
                    yield ", "
                yield from self._parts(inner, levels - 1)
            yield "]"
        else:
            text = f"<{type_name(cls)} of {len(value)}>" if cls in (*CONTAINERS, bytes) else f"<{type_name(cls)}>"
            yield json_text.dumps(text, ensure_ascii=False)


def _has_plain_zone(value: UserValue) -> bool:
    """Return whether a time has no time zone, or one of Python: the text of another one needs the user's code."""
    zone = getattr(value, "tzinfo", None)
    return zone is None or type(zone).__module__ in ("datetime", "zoneinfo")
