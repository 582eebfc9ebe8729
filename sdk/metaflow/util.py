"""Small helpers that programs import from `metaflow.util`."""

from __future__ import annotations

import getpass
import os
import runpy
import shutil
import sys
import tempfile
from functools import cached_property
from io import BytesIO
from shlex import quote as shell_quote
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from metaflow._compress import compress_list, decompress_list, longest_common_prefix
from metaflow.exception import MetaflowInternalError, MetaflowUnknownUser

if TYPE_CHECKING:
    import tarfile
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = [
    "TempDir",
    "all_equal",
    "bytes_type",
    "cached_property",
    "compress_list",
    "decompress_list",
    "dict_to_cli_options",
    "get_metaflow_root",
    "get_object_package_version",
    "get_username",
    "is_stringish",
    "longest_common_prefix",
    "read_artifacts_module",
    "resolve_identity",
    "resolve_identity_as_tuple",
    "tar_safe_extract",
    "to_bytes",
    "to_camelcase",
    "to_fileobj",
    "to_pascalcase",
    "to_pod",
    "to_unicode",
    "unicode_type",
    "unquote_bytes",
    "url_quote",
    "url_unquote",
    "walk_without_cycles",
    "which",
]

unicode_type = str
bytes_type = bytes
which = shutil.which


class TempDir:
    """A temporary directory that exists during a `with` block: `with TempDir() as path:`."""

    def __enter__(self) -> str:
        self.name = tempfile.mkdtemp()
        return self.name

    def __exit__(self, *raised: object) -> None:
        shutil.rmtree(self.name)


# -- text and bytes


def is_stringish(x: object) -> bool:
    """Return whether the value is a string or bytes."""
    return isinstance(x, (str, bytes))


def to_unicode(x: object) -> str:
    """Return the value as text: bytes are decoded as UTF-8, any other value is converted by `str()`."""
    return x.decode("utf-8") if isinstance(x, bytes) else str(x)


def to_bytes(x: object) -> bytes:
    """Return the value as bytes: bytes unchanged, any other value as its `str()` encoded as UTF-8."""
    return x if isinstance(x, bytes) else str(x).encode("utf-8")


def to_fileobj(x: object) -> BytesIO:
    """Return a string or bytes as a binary file object."""
    return BytesIO(to_bytes(x))


def url_quote(url: str | bytes) -> bytes:
    """Return the text with all special characters percent-encoded, except `/` and `:`."""
    return quote(to_bytes(url), safe="/:").encode("utf-8")


def url_unquote(url_bytes: str | bytes) -> str:
    """Decode a text that `url_quote` encoded."""
    return unquote(to_unicode(url_bytes))


def unquote_bytes(x: str | bytes) -> str:
    """Decode percent-encoded text or bytes."""
    return unquote(to_unicode(x))


# -- lists and values


def all_equal(it: Iterable[object]) -> bool:
    """Return whether all items are equal; true for an empty list."""
    items = list(it)
    return all(item == items[0] for item in items)


def to_camelcase(obj: object) -> Any:
    """Return JSON data with all snake_case keys converted to camelCase."""
    return _rename_keys(
        obj, lambda key: "".join(_capital(word) if n else word for n, word in enumerate(key.split("_")))
    )


def to_pascalcase(obj: object) -> Any:
    """Return JSON data with the first letter of each key in upper case."""
    return _rename_keys(obj, _capital)


def _capital(word: str) -> str:
    return word[:1].upper() + word[1:]


def _rename_keys(obj: Any, rename: Any) -> object:
    if isinstance(obj, dict):
        return {rename(key) if isinstance(key, str) else key: _rename_keys(value, rename) for key, value in obj.items()}
    return [_rename_keys(item, rename) for item in obj] if isinstance(obj, list) else obj


def to_pod(value: object) -> Any:
    """Return a value as plain data: strings and numbers unchanged, collections as dicts and lists, a class as its name.

    Other values, including None and bytes, are converted to text.
    """
    match value:
        case str() | int() | float():
            return value
        case dict():
            return {to_pod(key): to_pod(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [to_pod(item) for item in value]
        case type():
            return value.__name__
    return str(value)


def dict_to_cli_options(params: Mapping[str, object]) -> Iterator[str]:
    """Yield options as words of a command line: `{"max_workers": 3}` becomes `--max-workers`, `3`.

    Args:
        params: values by option name, with underscores. A value of False or None yields nothing; A value of True yields
            only the option, and a list repeats the option for each item. Values are quoted for a shell. `decospecs`
            becomes `--with`.
    """
    for name, values in params.items():
        if values is None or values is False:
            continue
        option = "--with" if name == "decospecs" else f"--{name.replace('_', '-')}"
        for value in values if isinstance(values, (list, tuple, set)) else [values]:
            yield option
            if value is not True:
                yield shell_quote(to_unicode(value))


# -- the user, and modules


def get_username() -> str | None:
    """Return METAFLOW_USER, else the user's login name, or None if both are unknown."""
    if name := os.environ.get("METAFLOW_USER"):
        return name
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return None


def resolve_identity_as_tuple() -> tuple[str, str]:
    """Return `("user", NAME)`, or `("production", TOKEN)` if METAFLOW_PRODUCTION_TOKEN is set.

    Raises:
        MetaflowUnknownUser: the user's name is unknown.
    """
    if token := os.environ.get("METAFLOW_PRODUCTION_TOKEN"):
        return "production", token
    name = get_username()
    if name is None:
        raise MetaflowUnknownUser
    return "user", name


def resolve_identity() -> str:
    """Return `user:NAME`, the namespace of this user's runs; with METAFLOW_PRODUCTION_TOKEN, `production:TOKEN`.

    Raises:
        MetaflowUnknownUser: the user's name is unknown.
    """
    return ":".join(resolve_identity_as_tuple())


def get_metaflow_root() -> str:
    """Return the directory of the package `metaflow`."""
    return os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def get_object_package_version(obj: object) -> tuple[str | None, str | None]:
    """Return the name of the top-level package that defines an object's class, and the package's version or None."""
    package = type(obj).__module__.partition(".")[0]
    return package, getattr(sys.modules.get(package), "__version__", None)


# -- files


def walk_without_cycles(
    top_root: str, exclude_dirs: Sequence[str] | None = None
) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield (directory, sub-directories, files) like `os.walk`, but follow symbolic links; visit each directory once.

    Args:
        top_root: the directory to start from.
        exclude_dirs: names of directories to skip, at any depth.
    """
    seen: set[str] = set()
    for root, directories, files in os.walk(top_root, followlinks=True):
        real = os.path.realpath(root)
        if real in seen:
            directories.clear()
            continue
        seen.add(real)
        directories[:] = sorted(name for name in directories if name not in (exclude_dirs or ()))
        yield root, directories, files


def tar_safe_extract(
    tar: tarfile.TarFile, path: str = ".", members: object = None, *, numeric_owner: bool = False
) -> None:
    """Extract an archive; raise an error if a member would be written outside `path`.

    Args:
        tar: the archive.
        path: the directory to extract to.
        members: the members to extract; default: all.
        numeric_owner: whether the owners of files are set by numeric ids.

    Raises:
        Exception: a member would be written outside of `path`; nothing was extracted. Metaflow raises the same
            exception class.
    """
    base = os.path.realpath(path)
    for member in tar.getmembers():
        target = os.path.realpath(os.path.join(base, member.name))
        if os.path.commonpath((base, target)) != base:
            raise Exception(f"'{member.name}' would be extracted outside of {path}: nothing was extracted")
    safer = {"filter": "data"} if hasattr(tar, "extraction_filter") else {}  # older Pythons lack filters
    tar.extractall(path, members, numeric_owner=numeric_owner, **safer)  # type: ignore[arg-type]


def read_artifacts_module(file_path: str) -> dict[str, Any]:
    """Run a Python file and return its variable `ARTIFACTS`, a dict of artifacts by name.

    Raises:
        MetaflowInternalError: the file cannot be run, or does not define the dict `ARTIFACTS`.
    """
    try:
        artifacts = runpy.run_path(file_path).get("ARTIFACTS")
    except Exception as error:
        raise MetaflowInternalError(f"cannot read artifacts from '{file_path}': {error}") from error
    if not isinstance(artifacts, dict):
        raise MetaflowInternalError(f"'{file_path}' does not define a dict named ARTIFACTS")
    return artifacts
