"""The content of a YAML file as a tree, with the span of each value.

PyYAML reads YAML 1.1, while other programs and editors read YAML 1.2. The values in this tree are the values of YAML
1.2. For a text to which YAML 1.1 gives another value, such as `on`, `012`, `1:30` or a date, the attribute `surprise`
describes the difference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias, cast, final

from flowc_ir import Span, codes
from flowc_ir.late import LateModule
from flowc_ir.late.dataclass import dataclass
from flowc_ir.late.pattern import late_pattern

if TYPE_CHECKING:
    import yaml  # noqa: TID251  # for type checkers only
    from yaml import MappingNode, Node, SafeLoader  # noqa: TID251  # for type checkers only
    from yaml.error import Mark, MarkedYAMLError  # noqa: TID251  # for type checkers only

    from flowc_ir.diagnostic import Faults
else:
    yaml = LateModule("yaml")  # imported at first use: only pipelines in YAML need it

ScalarValue: TypeAlias = "str | int | float | bool | None"
_TAG: Final = "tag:yaml.org,2002:"
_INT: Final = late_pattern(r"[-+]?[0-9]+")
_FLOAT: Final = late_pattern(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_MOST: Final = 100_000  # the maximum number of values in a file: nested aliases may multiply values


class YamlMissing(Exception):
    """PyYAML is not installed."""


@final
@dataclass(frozen=True, slots=True)
class Scalar:
    """A string, a number, a boolean or null; `text` is the value as written in the file, without quotes."""

    value: ScalarValue
    text: str
    span: Span
    surprise: str | None = None


@final
@dataclass(frozen=True, slots=True)
class Listing:
    """A list."""

    items: tuple[Tree, ...]
    span: Span


@final
@dataclass(frozen=True, slots=True)
class Keyed:
    """A mapping with unique keys."""

    entries: tuple[tuple[Scalar, Tree], ...]
    span: Span

    def get(self, name: str) -> Tree | None:
        """Return the value of a key; None if the mapping does not have the key."""
        return next((value for key, value in self.entries if key.text == name), None)

    def key(self, name: str) -> Scalar | None:
        """Return a key with its span; None if the mapping does not have the key."""
        return next((key for key, _ in self.entries if key.text == name), None)


Tree: TypeAlias = "Scalar | Listing | Keyed"


def described(tree: Tree) -> str:
    """Return a description of a value for messages."""
    match tree:
        case Scalar(value=None):
            return "empty"
        case Scalar(value=str() as text):
            return repr(text if len(text) <= 60 else f"{text[:59]}…")
        case Scalar(text=text):
            return text
        case Listing(items=items):
            return "a list" if items else "an empty list"
        case Keyed(entries=entries):
            return "a mapping" if entries else "an empty mapping"


def parse_yaml(text: str, file: str, faults: Faults) -> Tree | None:
    """Parse a YAML file. Return None if the file is invalid or empty, which is reported.

    Args:
        text: the text of the file.
        file: the file name to write in spans.
        faults: collects the faults.

    Raises:
        YamlMissing: PyYAML is not installed.
    """
    try:
        yaml.SafeLoader  # noqa: B018  # imports PyYAML
    except ModuleNotFoundError:
        raise YamlMissing from None
    try:
        return _read(text, file, faults)
    except yaml.MarkedYAMLError as error:
        _add_marked(error, file, faults)
    except (yaml.YAMLError, RecursionError) as error:  # for example a character that YAML does not allow
        why = "it is nested too deeply" if isinstance(error, RecursionError) else " ".join(str(error).split())
        faults.add(
            codes.YAML_SYNTAX, Span(file, 1, 1), f"{file} is not valid YAML: {why}", hint="save it as YAML in UTF-8"
        )
    return None


def _read(text: str, file: str, faults: Faults) -> Tree | None:
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        if root is not None:
            reader = _TreeReader(loader, file, faults)
            tree = reader.read(root)
            return None if reader.endless else tree
    finally:
        loader.dispose()
    faults.add(codes.YAML_SYNTAX, Span(file, 1, 1), f"{file} is empty", hint="write `steps:` with a list of steps")
    return None


def _add_marked(error: MarkedYAMLError, file: str, faults: Faults) -> None:
    mark = error.problem_mark or error.context_mark
    problem = error.problem or "it cannot be read"
    hint = "correct the YAML; a string with ': ' or ' #' in it needs quotes"
    if "\\t" in problem:
        hint = "indent with spaces, not with tabs"
    elif "single document" in str(error.context):
        problem, hint = "it has several documents", "write one pipeline in a file, without a second `---`"
    also = []
    if error.context_mark is not None and error.context_mark is not mark and error.context:
        also = [(_point(error.context_mark, file), error.context)]
    at = Span(file, 1, 1) if mark is None else _point(mark, file)
    faults.add(codes.YAML_SYNTAX, at, f"{file} is not valid YAML: {problem}", hint=hint, also=also)


def _point(mark: Mark, file: str) -> Span:
    return Span(file, mark.line + 1, mark.column + 1, 1)


@final
class _TreeReader:
    """Converts nodes of PyYAML to a tree."""

    def __init__(self, loader: SafeLoader, file: str, faults: Faults) -> None:
        self._loader = loader
        self._file = file
        self._faults = faults
        self._inside: list[Node] = []
        self._count = 0
        self.endless = False

    def read(self, node: Node) -> Tree:
        """Convert a node to a tree. Aliases are replaced by the values that they refer to."""
        self._count += 1
        if node in self._inside or self._count > _MOST:
            why = "contains itself" if node in self._inside else f"makes more than {_MOST:,} values"
            self._faults.add(codes.YAML_SYNTAX, self._span(node), f"an alias {why}", hint="write the value itself")
            self.endless = True
            return Scalar(None, "", self._span(node))
        self._inside.append(node)
        if node.tag not in (f"{_TAG}map", f"{_TAG}seq") and _id(node) != "scalar":
            self._add_tag(node)
        try:
            if _id(node) == "sequence":
                return Listing(tuple(map(self.read, node.value)), self._span(node))
            return self._scalar(node) if _id(node) == "scalar" else self._keyed(node)
        finally:
            self._inside.pop()

    def _keyed(self, node: Node) -> Keyed:
        own: dict[str, Scalar] = {}
        for key, _ in node.value:
            if not key.tag.endswith(":merge"):
                self._check_key(key, own)
        self._loader.flatten_mapping(
            cast("MappingNode", node)
        )  # `<<`: merged keys come first, so that own keys replace them
        found: dict[str, tuple[Scalar, Tree]] = {}
        for key, value in node.value:
            if _id(key) == "scalar":
                read = self._scalar(key)
                found[read.text] = read, self.read(value)
        return Keyed(tuple(found.values()), self._span(node))

    def _check_key(self, key: Node, own: dict[str, Scalar]) -> None:
        if _id(key) != "scalar":
            self._faults.add(
                codes.YAML_KEY, self._span(key), "a key is a list or a mapping", hint="write a string as key"
            )
            return
        read = self._scalar(key)
        if (other := own.get(read.text)) is not None:
            self._faults.add(
                codes.YAML_KEY, read.span, f"the key '{read.text}' is written twice",
                hint="keep one of them", also=[(other.span, "first written here")],
            )  # fmt: skip
        own[read.text] = read

    def _scalar(self, node: Node) -> Scalar:
        text, span = str(node.value), self._span(node)
        if getattr(node, "style", None) is not None:
            return Scalar(text, text, span)
        value, surprise = plain_value(text, node.tag.removeprefix(_TAG))
        if not node.tag.startswith(_TAG):
            self._add_tag(node)
        return Scalar(value, text, span, surprise)

    def _add_tag(self, node: Node) -> None:
        tag = node.tag.replace(_TAG, "!!")
        self._faults.add(codes.YAML_VALUE, self._span(node), f"the tag {tag} has no meaning here", hint="leave it out")

    def _span(self, node: Node) -> Span:
        start, end = node.start_mark, node.end_mark
        if end.line != start.line and node.value and _id(node) == "mapping" and not getattr(node, "flow_style", False):
            end = node.value[0][0].end_mark  # underline only the mapping's first key
        width = end.column - start.column if end.line == start.line else 0
        return Span(self._file, start.line + 1, start.column + 1, max(width, 0))


def _id(node: Node) -> str:
    """Return the kind of a node: scalar, sequence or mapping."""
    return str(getattr(node, "id", ""))


def plain_value(text: str, kind: str) -> tuple[ScalarValue, str | None]:
    """Return the value that an unquoted scalar has in YAML 1.2. If it has a different value in YAML 1.1, also return a
    text that describes the difference, otherwise None.

    Args:
        text: the scalar as written in the file.
        kind: the scalar's type in YAML 1.1.
    """
    lower = text.lower()
    if kind == "null":
        return None, None
    if kind == "bool" and lower in ("true", "false"):
        return lower == "true", None
    if lower in (".inf", "+.inf", "-.inf", ".nan"):
        return float(lower.replace(".", "")), None
    if _INT.fullmatch(text):
        octal = kind == "int" and text.lstrip("+-").startswith("0") and text.lstrip("+-0") != ""
        return int(text), f"{text} is {_octal(text)}" if octal or kind == "str" else None
    if lower.startswith("0x") and kind == "int":
        return int(text, 16), None
    if lower.startswith("0o") and text[2:].isdigit() and not {"8", "9"} & {*text}:
        return int(text, 8), f"{text} is a string in YAML 1.1, and the number {int(text, 8)} in YAML 1.2"
    if _FLOAT.fullmatch(text):
        value = float(text)
        return (
            value,
            None if kind == "float" else f"{text} is a string in YAML 1.1, and the number {value!r} in YAML 1.2",
        )
    return text, _SURPRISES[kind].format(text) if kind in _SURPRISES else None


_SURPRISES: Final = {
    "bool": "{0} is a truth value in YAML 1.1, and a string in YAML 1.2",
    "int": "{0} is a number in YAML 1.1, and a string in YAML 1.2",
    "float": "{0} is a number in YAML 1.1, and a string in YAML 1.2",
    "timestamp": "{0} is a date in YAML 1.1, and a string in YAML 1.2",
}


def _octal(text: str) -> str:
    try:
        return f"the octal number {int(text, 8)} in YAML 1.1, and {int(text)} in YAML 1.2"
    except ValueError:  # a digit in the text is not octal, for example in 089
        return f"a string in YAML 1.1, and the number {int(text)} in YAML 1.2"
