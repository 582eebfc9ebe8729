"""Warnings and failures about cards."""

from __future__ import annotations

import json
import sys
import traceback
from typing import NamedTuple

from flowc_ir import json_text

printed: set[str] = set()


def warn(text: str) -> None:
    """Print a warning about a card on the task's stderr, each text once."""
    if text not in printed:
        printed.add(text)
        print(f"[@card WARNING] {text}", file=sys.stderr)


class Failure(NamedTuple):
    """The reason for a failure: a short text, and the long text with the traceback."""

    short: str
    whole: str

    @classmethod
    def from_text(cls, text: str) -> Failure:
        """Return a failure with one text."""
        return cls(text, text)

    @classmethod
    def from_error(cls, error: BaseException) -> Failure:
        """Return the failure of an exception; the message may have several lines, and notes."""
        short = "".join(traceback.format_exception_only(type(error), error)).strip()
        return cls(short, "".join(traceback.format_exception(type(error), error, error.__traceback__)))

    def packed(self) -> bytes:
        """Return the failure as bytes for the socket."""
        return json_text.dumps(self).encode()

    @classmethod
    def unpacked(cls, data: bytes) -> Failure:
        """Return the failure from its bytes."""
        return cls(*json.loads(data))
