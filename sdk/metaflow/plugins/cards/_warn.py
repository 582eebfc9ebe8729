"""Warnings and failures about cards."""

from __future__ import annotations

import json
import sys
import traceback

from flowc_ir import json_text
from flowc_ir.late.namedtuple import NamedTuple

printed: set[str] = set()


def warn(text: str) -> None:
    """Print a warning about a card on the task's stderr; a text that was printed before is skipped."""
    if text not in printed:
        printed.add(text)
        print(f"[@card WARNING] {text}", file=sys.stderr)


class Failure(NamedTuple):
    """The description of a card's failure: a short text, and a long text with the traceback."""

    short: str
    whole: str

    @classmethod
    def from_text(cls, text: str) -> Failure:
        """Return a failure whose short and long texts are the same."""
        return cls(text, text)

    @classmethod
    def from_error(cls, error: BaseException) -> Failure:
        """Return the failure that describes an exception; the message may have several lines, and notes."""
        short = "".join(traceback.format_exception_only(type(error), error)).strip()
        return cls(short, "".join(traceback.format_exception(type(error), error, error.__traceback__)))

    def packed(self) -> bytes:
        """Encode the failure as bytes, to send it through the socket to the parent process."""
        return json_text.dumps(self).encode()

    @classmethod
    def unpacked(cls, data: bytes) -> Failure:
        """Decode a failure from its bytes."""
        return cls(*json.loads(data))
