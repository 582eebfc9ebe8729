"""Reading the JSON objects of the store: whatever their kind, the same check of their version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc.ir.versions import NewerError
from flowc_runtime.errors import FormatError, StoreError

if TYPE_CHECKING:
    from flowc.ir.versions import Format


def parse(format: Format, kind: str, data: bytes, *, place: str, subject: str) -> Any:
    """Return an object of the store as the current version of its format has it.

    `place` is its key and its store, `subject` what people call it, such as `run Flow/1`.

    Raises:
        FormatError: a newer flowc wrote it.
        StoreError: it is damaged.
    """
    try:
        return format.read(kind, format.parse(data))
    except NewerError as error:
        raise FormatError(f"{subject} was {error}") from error
    except ValueError as error:
        raise StoreError(f"{place} is damaged: {error}; restore it from a copy, or delete it") from error
