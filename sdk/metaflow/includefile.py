"""`IncludeFile`: a parameter whose value is the content of a file."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar, cast, final, overload

from flowc_runtime.run.state import STATE
from flowc_runtime.store.values.files import read_file
from metaflow.parameters import Parameter, ParameterContext

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowc_runtime.store.backends.objects import Objects
    from flowc_runtime.store.values.files import FileRecord

__all__ = ["IncludeFile", "IncludedFile"]

_T = TypeVar("_T")
_READ = "_flowc_files"  # key in a flow object's `__dict__` for file contents that steps have already read


@final
class IncludedFile:
    """A file parameter's value: a file whose content is in the store.

    Attributes:
        descriptor: the file's name, size and digest, as in a run's record.
        encoding: the encoding of the text, or None if the content is bytes.
    """

    def __init__(self, descriptor: FileRecord, encoding: str | None, objects: Objects) -> None:
        self.descriptor = descriptor
        self.encoding = encoding
        self._objects = objects

    @property
    def size(self) -> int:
        """The size of the content in bytes."""
        return self.descriptor["size"]

    def decode(self, name: str = "", var_type: str = "Artifact") -> str | bytes:
        """Return the content: text, or bytes if `encoding` is None. `name` and `var_type` are ignored.

        Raises:
            NotFound: the content is no longer in the store.
            Damaged: the content does not match its digest.
            UnicodeDecodeError: the content is not text in the encoding.
        """
        return read_file(self._objects, self.descriptor, self.encoding)

    def __repr__(self) -> str:
        return f"IncludedFile({self.descriptor['file']!r}, {self.size} bytes)"


class IncludeFile(Parameter[_T]):
    """A parameter that is a file: `data = IncludeFile("data", default="data.csv")`, and `--data other.csv`.

    The file is read when a run starts or the flow is compiled. A step reads the content from the store when it first
    accesses the parameter.

    Args:
        name: the name of the option on the command line.
        required: whether a run requires a file.
        is_text: whether the content is text (the default) or bytes.
        encoding: the encoding of the text; default: UTF-8.
        help: the help text of the option.
        parser: a function that converts the content, or its dotted name; steps then read the function's result.
        **others: further arguments of `Parameter`: `default` (a path, or a function that returns one), `show_default`,
            `hidden`.
    """

    ARGUMENTS: ClassVar[tuple[str, ...]] = (
        "name", "required", "is_text", "encoding", "help", "parser", "default", "show_default", "hidden",
    )  # fmt: skip

    __slots__ = ("encoding", "is_text", "parser")

    @overload
    def __init__(
        self: IncludeFile[bytes],
        name: str,
        required: bool | None = None,
        *,
        is_text: Literal[False],
        default: str | Callable[[], str] | Callable[[ParameterContext], str] | None = None,
        help: str | None = None,
        show_default: bool | None = None,
        hidden: bool = False,
    ) -> None: ...
    @overload
    def __init__(
        self: IncludeFile[Any],
        name: str,
        required: bool | None = None,
        is_text: bool | None = None,
        encoding: str | None = None,
        help: str | None = None,
        *,
        parser: str | Callable[[Any], object],
        default: str | Callable[[], str] | Callable[[ParameterContext], str] | None = None,
        show_default: bool | None = None,
        hidden: bool = False,
    ) -> None: ...
    @overload
    def __init__(
        self: IncludeFile[str],
        name: str,
        required: bool | None = None,
        is_text: Literal[True] | None = None,
        encoding: str | None = None,
        help: str | None = None,
        parser: None = None,
        *,
        default: str | Callable[[], str] | Callable[[ParameterContext], str] | None = None,
        show_default: bool | None = None,
        hidden: bool = False,
    ) -> None: ...
    def __init__(
        self,
        name: Any = None,
        required: Any = None,
        is_text: object = None,
        encoding: object = None,
        help: Any = None,
        parser: object = None,
        **others: Any,
    ) -> None:
        super().__init__(name, required=required, help=help, **others)
        caller = sys._getframe(1)
        self.file = caller.f_code.co_filename
        self.line = caller.f_lineno
        self.is_text = is_text
        self.encoding = cast("str | None", encoding)  # `flowc check` reports values of other types
        self.parser = cast("str | Callable[[Any], object] | None", parser)

    @property
    def text_encoding(self) -> str | None:
        """The encoding of the text, or None if the content is bytes."""
        return None if self.is_text is False else self.encoding or "utf-8"

    def _flowc_seen(self, flow: object, value: Any) -> object:
        if value is None:
            return None
        contents: dict[str, object] = flow.__dict__.setdefault(_READ, {})
        if self.name not in contents:
            content: object = IncludedFile(value, self.text_encoding, flow.__dict__[STATE].objects).decode(self.name)
            contents[self.name] = content if self.parser is None else find_parser(self.parser)(content)
        return contents[self.name]


def find_parser(parser: str | Callable[[Any], object]) -> Callable[[Any], Any]:
    """Return the parser function. If `parser` is a dotted name, import the function.

    Args:
        parser: a function, or its name `module.function`; a name that begins with a dot is relative to `metaflow`.

    Raises:
        ImportError: the name contains no module, or the module cannot be imported.
        AttributeError: the module has no such function.
    """
    if not isinstance(parser, str):
        return parser
    module, _, name = parser.rpartition(".")
    if not module:
        raise ImportError(f"no module in the parser's name {parser!r}: write it as 'module.function'")
    return getattr(import_module(f"metaflow{module}" if module.startswith(".") else module), name)  # type: ignore[no-any-return]
