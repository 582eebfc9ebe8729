"""Replaces the values of a step's secrets by `***` in output, and searches for these values in data that the step
stores."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, final

from flowc_ir import json_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import BinaryIO

MASK: Final = "***"
_SHORT: Final = 4  # A secret with fewer characters is only found if it is the whole return value or file.
_CHUNK: Final = 1 << 20  # The number of bytes of a file that are searched at a time.


@final
class Masks:
    """Finds and replaces the values of secrets in text.

    A value is found in four forms: as plain text, escaped as in JSON, quoted as a shell's `set -x` quotes it, and line
    by line if the value has several lines.

    Args:
        secrets: the secrets' values by the names of their environment variables.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._secrets = {name: value for name, value in secrets.items() if value}
        self._forms = {form for value in self._secrets.values() for form in _forms(value)}
        encoded = sorted((form.encode("utf-8", "surrogateescape") for form in self._forms), key=len, reverse=True)
        self._encoded = encoded
        self._pattern = re.compile(b"|".join(map(re.escape, encoded))) if encoded else None

    def text(self, text: str) -> str:
        """Return the text with `***` in place of each value of a secret."""
        for form in sorted(self._forms, key=len, reverse=True):
            text = text.replace(form, MASK)
        return text

    def problem_of(self, name: str, value: object) -> str | None:
        """Return the message that refuses a returned value because the value contains a secret, or None without a
        secret.

        Args:
            name: the name of the return.
            value: the returned value: a JSON value or a string.
        """
        if (secret := self._found_in(value)) is None:
            return None
        return (
            f"returned '{name}' with the value of the secret {secret}, which is never stored: "
            "declare the secret in each step that needs it"
        )

    def _found_in(self, value: object) -> str | None:
        """Return the name of a secret that the JSON value or string contains, or None if the value contains no
        secret."""
        return secret_in_text(
            value if isinstance(value, str) else json_text.dumps(value, ensure_ascii=False), self._secrets
        )

    def stream(self) -> MaskedStream:
        """Return an object that replaces the values of secrets in one stream of bytes."""
        return MaskedStream(self._pattern, self._encoded)


@final
class MaskedStream:
    """Replaces the values of secrets in a stream of bytes that arrives in pieces. Bytes that may be the beginning of a
    secret's value are held back until the next piece arrives."""

    def __init__(self, pattern: re.Pattern[bytes] | None, forms: list[bytes]) -> None:
        self._pattern = pattern
        self._forms = forms
        self._waiting = b""

    def feed(self, data: bytes) -> bytes:
        """Add a piece of the stream; return the bytes that can be written now."""
        if self._pattern is None:
            return data
        data = self._waiting + data
        written: list[bytes] = []
        at = 0
        for match in self._pattern.finditer(data):
            if self._begins(data[match.start() :]):
                break  # these bytes may be the beginning of a longer value
            written += [data[at : match.start()], MASK.encode()]
            at = match.end()
        rest = data[at:]
        longest = min(len(rest), max(map(len, self._forms)))
        held = next((size for size in range(longest, 0, -1) if self._begins(rest[len(rest) - size :])), 0)
        self._waiting = rest[len(rest) - held :]
        return b"".join([*written, rest[: len(rest) - held]])

    def end(self) -> bytes:
        """At the end of the stream, return the bytes that were held back."""
        data, self._waiting = self._waiting, b""
        return self._pattern.sub(MASK.encode(), data) if self._pattern is not None else data

    def _begins(self, data: bytes) -> bool:
        """Return whether these bytes are the beginning of a secret's value, which later bytes could complete."""
        return any(len(data) < len(form) and form.startswith(data) for form in self._forms)


def problem_of_metric(secrets: Mapping[str, str], name: object, numbers: Mapping[str, object]) -> str | None:
    """Return the message that refuses a point of a metric, or None if the point contains no value of a secret.

    A number must equal a secret as a whole, since a short secret also occurs by chance in the digits of many numbers.

    Args:
        secrets: the values by the names of their variables; no value is empty.
        name: the name of the metric.
        numbers: the point's numbers by the keys `value`, `step` and `time`, not checked yet, or None for a number that
            is not given.
    """
    if (secret := secret_in_text(_text(name), secrets)) is not None:
        why = f"contains the value of the secret {secret}, which is never stored"
        return f"the name of a metric {why}: choose another name"
    for word, number in numbers.items():
        if number is None:
            continue
        if isinstance(number, (int, float)):
            secret = next((each for each, value in secrets.items() if _is_number(value, number)), None)
        else:
            secret = secret_in_text(_text(number), secrets)
        if secret is not None:
            return f"the {word} of the metric '{name}' is the value of the secret {secret}, which is never stored"
    return None


def secret_in_text(text: str, secrets: Mapping[str, str]) -> str | None:
    """Return the name of a secret whose value a string contains, or None if the string contains no secret."""
    for name, secret in secrets.items():
        forms = _forms(secret) if len(secret) >= _SHORT else []
        if (secret and secret == text) or any(form in text for form in forms):
            return name
    return None


def secret_in_file(path: str, secrets: Mapping[str, str]) -> str | None:
    """Return the name of a secret whose value a file contains, or None if the file contains no secret.

    A value is found in the forms that `Masks` finds. A short value is only compared with the whole file.

    Raises:
        OSError: the file cannot be read.
    """
    if not (secrets := {name: value for name, value in secrets.items() if value}):
        return None
    forms = [
        (name, form.encode("utf-8", "surrogateescape"))
        for name, value in secrets.items()
        if len(value) >= _SHORT
        for form in _forms(value)
    ]
    with open(path, "rb") as file:
        # a short secret has at most four bytes per character; a line end may follow it
        whole = file.read(_SHORT * 4 + 2).rstrip(b"\r\n")
        for name, value in secrets.items():
            if whole == value.encode("utf-8", "surrogateescape"):
                return name
        file.seek(0)
        for piece in _overlapping(file, max((len(form) for _, form in forms), default=0)):
            for name, form in forms:
                if form in piece:
                    return name
    return None


def _overlapping(file: BinaryIO, longest: int) -> Iterator[bytes]:
    """Yield the pieces of a file. Each piece begins with the end of the piece before it, so that no value is split."""
    if longest == 0:
        return
    before = b""
    while data := file.read(_CHUNK):
        piece = before + data
        yield piece
        before = piece[-(longest - 1) :] if longest > 1 else b""


def _is_number(secret: str, number: float) -> bool:
    try:
        return secret == json_text.dumps(number) or (len(secret) >= _SHORT and float(secret) == number)
    except ValueError:  # the secret is not a number, or the number has too many digits to convert
        return False


def _text(value: object) -> str:
    try:
        return value if isinstance(value, str) else repr(value)
    except Exception:  # the user's `__repr__` failed; an error message would not contain the text of this value either
        return ""


def _forms(value: str) -> list[str]:
    lines = [line.strip() for line in value.splitlines() if len(line.strip()) >= _SHORT] if "\n" in value else []
    forms = [form for each in (value, *lines) for form in (each, each.replace("'", "'\\''"), _in_json(each))]
    return list(dict.fromkeys(forms))


def _in_json(value: str) -> str:
    return json_text.dumps(value)[1:-1]
