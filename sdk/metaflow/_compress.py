"""Compresses a list of strings to one short string. Metaflow uses this for lists of tasks on command lines."""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from itertools import takewhile
from typing import TYPE_CHECKING

from metaflow.exception import MetaflowInternalError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["compress_list", "decompress_list", "longest_common_prefix"]


def compress_list(
    lst: Sequence[str], separator: str = ",", rangedelim: str = ":", zlibmarker: str = "!", zlibmin: int = 500
) -> str:
    """Compress a list of strings to one string, such as `["ab1", "ab2"]` to `ab:1,2`.

    Args:
        lst: the strings.
        separator: the text between two strings.
        rangedelim: the text after the common prefix.
        zlibmarker: the first character of a deflated text.
        zlibmin: the number of characters above which the text is deflated and encoded as Base64.

    Raises:
        MetaflowInternalError: an item contains a delimiter.
    """
    marks = (separator, rangedelim, zlibmarker)
    if bad := [item for item in lst if any(mark in item for mark in marks)]:
        raise MetaflowInternalError(f"Item '{bad[0]}' includes a delimiter character so it can't be compressed")
    prefix = longest_common_prefix(lst) if len(lst) > 1 else ""
    short = f"{prefix}{rangedelim}{separator.join(item[len(prefix) :] for item in lst)}" if prefix else ""
    plain = separator.join(lst)
    text = short if short and len(short) <= len(plain) else plain
    if len(text) <= zlibmin:
        return text
    return zlibmarker + b64encode(zlib.compress(text.encode("utf-8"))).decode("ascii")


def decompress_list(lststr: str, separator: str = ",", rangedelim: str = ":", zlibmarker: str = "!") -> list[str]:
    """Return the list that `compress_list` compressed with the same delimiters."""
    text = lststr
    if text.startswith(zlibmarker):
        text = zlib.decompress(b64decode(text[len(zlibmarker) :])).decode("utf-8")
    prefix, mark, rest = text.partition(rangedelim)
    return [prefix + item for item in rest.split(separator)] if mark else text.split(separator)


def longest_common_prefix(lst: Sequence[str]) -> str:
    """Return the common prefix of the strings."""
    columns = takewhile(lambda column: len(set(column)) == 1, zip(*lst, strict=False))
    return "".join(column[0] for column in columns)
