"""The rules for tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_runtime.base.errors import TagError
from flowc_runtime.store.records.tags import MAX_LENGTH, check_tag
from metaflow.exception import MetaflowTaggingError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

__all__ = ["MAX_TAG_SIZE", "MAX_USER_TAG_SET_SIZE", "validate_tag", "validate_tags"]

MAX_TAG_SIZE = MAX_LENGTH
MAX_USER_TAG_SET_SIZE = 50


def validate_tag(tag: object) -> None:
    """Check one tag: it must be a string or UTF-8 bytes, not empty, and at most 500 characters long.

    Raises:
        MetaflowTaggingError: the tag is not a string or UTF-8 bytes, is empty, or is too long.
    """
    try:
        check_tag(tag.decode("utf-8") if isinstance(tag, bytes) else tag)
    except UnicodeError as error:
        raise MetaflowTaggingError(f"a tag must be UTF-8: {tag!r}") from error
    except TagError as error:
        raise MetaflowTaggingError(str(error)) from error


def validate_tags(tags: Iterable[object], existing_tags: Collection[object] | None = None) -> None:
    """Check the tags of a run: each tag, and the number of tags.

    Args:
        tags: the new tags of the run.
        existing_tags: the current tags of the run. `tags` may have at most 50 tags; if the run already has more than
            50, it may have as many as the run.

    Raises:
        MetaflowTaggingError: a tag is invalid, or there are too many tags.
    """
    given = set(tags)
    if len(given) > max(MAX_USER_TAG_SET_SIZE, len(existing_tags or ())):
        raise MetaflowTaggingError(f"Tag set size {len(given)} is too large: at most {MAX_USER_TAG_SET_SIZE} tags")
    for tag in given:
        validate_tag(tag)
