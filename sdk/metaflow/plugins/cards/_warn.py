"""Saying that something about a card is not as it was meant."""

from __future__ import annotations

import json
import sys
import traceback
from typing import NamedTuple

from flowc_ir import json_text

told: set[str] = set()


def warn(text: str) -> None:
    """Say something about a card on the task's stderr, once."""
    if text not in told:
        told.add(text)
        print(f"[@card WARNING] {text}", file=sys.stderr)


class Failure(NamedTuple):
    """Why something could not be made: in short, and with the place where it was raised."""

    short: str
    whole: str

    @classmethod
    def told(cls, text: str) -> Failure:
        """Of a text that says all."""
        return cls(text, text)

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """Of what was raised; its message may have several lines, and notes."""
        short = "".join(traceback.format_exception_only(type(error), error)).strip()
        return cls(short, "".join(traceback.format_exception(type(error), error, error.__traceback__)))

    def packed(self) -> bytes:
        """As bytes, to cross a socket."""
        return json_text.dumps(self).encode()

    @classmethod
    def unpacked(cls, data: bytes) -> Failure:
        """Of its bytes."""
        return cls(*json.loads(data))
