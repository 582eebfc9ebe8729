"""What a tag may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaflow.exception import MetaflowTaggingError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

__all__ = ["MAX_TAG_SIZE", "MAX_USER_TAG_SET_SIZE", "validate_tag", "validate_tags"]

MAX_TAG_SIZE = 500
MAX_USER_TAG_SET_SIZE = 50


def validate_tag(tag: object) -> None:
    """Check one tag: text or UTF-8, not empty, at most 500 characters.

    Raises:
        MetaflowTaggingError: it is not.
    """
    if not isinstance(tag, (str, bytes)):
        raise MetaflowTaggingError(f"a tag is text, not of type {type(tag).__name__}: {tag!r}")
    try:
        text = tag.decode("utf-8") if isinstance(tag, bytes) else tag
        text.encode("utf-8")
    except UnicodeError as error:
        raise MetaflowTaggingError(f"a tag has to be UTF-8: {tag!r}") from error
    if not text:
        raise MetaflowTaggingError("Tags must not be empty string")
    if len(text) > MAX_TAG_SIZE:
        raise MetaflowTaggingError(f"Tag is too long {len(text)} > {MAX_TAG_SIZE}")


def validate_tags(tags: Iterable[object], existing_tags: Collection[object] | None = None) -> None:
    """Check a run's tags: each of them, and that there are at most 50, or no more than before.

    Raises:
        MetaflowTaggingError: they are not.
    """
    given = set(tags)
    if len(given) > max(MAX_USER_TAG_SET_SIZE, len(existing_tags or ())):
        raise MetaflowTaggingError(f"Tag set size {len(given)} is too large: at most {MAX_USER_TAG_SET_SIZE} tags")
    for tag in given:
        validate_tag(tag)
