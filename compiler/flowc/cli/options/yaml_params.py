"""Reads values of parameters from YAML files. A value that YAML 1.1 and YAML 1.2 read differently is an error.

PyYAML reads YAML 1.1, in which `0755` is 493, `12:30:00` is 45000, `no` is false and `1e-3` is a string. Other programs
read YAML 1.2. A value that the two versions read differently is accepted if the parameter's type determines its
meaning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flowc_ir.late.namedtuple import NamedTuple
from flowc_ir.late.pattern import late_pattern

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yaml import Node  # noqa: TID251  # for type checkers only

    from flowc_ir.model import Parameter

_TAG: Final = "tag:yaml.org,2002:"
_OCTAL: Final = late_pattern(r"[-+]?0[0-9_]+")
_DECIMAL: Final = late_pattern(r"-?[0-9]+\.[0-9]+")
_UNREAD: Final = late_pattern(
    r"[-+]?(0o[0-7][0-7_]*|0[0-9_]*[89][0-9_]*|[0-9][0-9_]*(\.[0-9_]*)?[eE][0-9]+|[0-9]+[eE][-+][0-9]+)"
)
_NOUNS: Final = {
    "int": "a number", "float": "a number", "bool": "true or false", "null": "nothing", "timestamp": "a date",
}  # fmt: skip


class YamlError(ValueError):
    """An error in a YAML file; the message names the line."""


class Entry(NamedTuple):
    """The value of a parameter, and the YAML node of the value."""

    value: object
    node: Node

    @property
    def line(self) -> int:
        """The line of the value in the file."""
        return _line(self.node)

    def quotes(self) -> str:
        """Return the hint to put a number, boolean or date in quotes if the user means a string; empty for a
        string."""
        found = next((node for node in _scalars(self.node) if _kind(node) in _NOUNS), None)
        if found is None or not found.value:
            return ""
        return f'; YAML reads {found.value} as {_NOUNS[_kind(found)]}: write "{found.value}" for the string'

    def check(self, parameter: Parameter) -> None:
        """Check that the value is not ambiguous for the parameter's type.

        Raises:
            YamlError: versions of YAML read the value differently; the message says what to write instead.
        """
        for node in _scalars(self.node):
            if surprise := _surprise(node, self.value if node is self.node else None, parameter):
                raise YamlError(f"line {_line(node)}: {surprise}")


def read(text: str) -> dict[str, Entry]:
    """Return the entries of a YAML file, by the parameter's name; an empty file has no entries.

    Raises:
        YamlError: PyYAML is not installed, the text is not valid YAML or not a mapping, or it has a duplicate key or a
            key that is not a string.
    """
    try:
        import yaml  # noqa: TID251  # imported here, since only users with YAML files need it
    except ModuleNotFoundError:
        raise YamlError("YAML is read with PyYAML: pip install 'flowc[yaml]'") from None
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        if root is None or _kind(root) == "null":
            return {}
        _check_keys(root, set())
        values = loader.construct_document(root)
        if not isinstance(values, dict):
            raise YamlError(f"a mapping of parameters to values is needed, not {type(values).__name__}")
        # PyYAML has added the keys of `<<` to the mapping. The mapping's own keys replace equal keys of `<<`.
        return {key.value: Entry(values[key.value], node) for key, node in root.value}
    except yaml.YAMLError as error:
        raise YamlError(str(error).replace("\n", " ")) from None
    finally:
        loader.dispose()


def _check_keys(node: Node, seen: set[int]) -> None:
    """Raise YamlError for a duplicate key and for a key that is not a string.

    `seen` has the ids of visited nodes, because aliases may form a cycle.
    """
    if id(node) in seen:
        return
    seen.add(id(node))
    lines: dict[str, int] = {}
    for part in _parts(node):
        if isinstance(part, tuple):
            key, value = part
            _check_key(key, lines)
            _check_keys(value, seen)
        else:
            _check_keys(part, seen)


def _check_key(key: Node, lines: dict[str, int]) -> None:
    kind, line = _kind(key), _line(key)
    if kind == "merge":
        return
    if kind != "str":
        what = f'the key {key.value} is {_NOUNS.get(kind)} in YAML: write "{key.value}"'
        raise YamlError(f"line {line}: {what if kind in _NOUNS else 'a key is not a string'}")
    if key.value in lines:
        raise YamlError(f"line {line}: the key '{key.value}' is in line {lines[key.value]} too: keep one of them")
    lines[key.value] = line


def _parts(node: Node) -> list[Node | tuple[Node, Node]]:
    """Return the child nodes of a YAML node: the items of a sequence, the keys and values of a mapping, or an empty
    list for a scalar."""
    return node.value if isinstance(node.value, list) else []


def _scalars(node: Node, seen: frozenset[int] = frozenset()) -> Iterator[Node]:
    """Yield all unquoted scalars in a node; keys of mappings are left out."""
    if id(node) in seen:
        return
    if not isinstance(node.value, list):
        if getattr(node, "style", None) is None:
            yield node
        return
    for part in _parts(node):
        yield from _scalars(part[1] if isinstance(part, tuple) else part, seen | {id(node)})


def _surprise(node: Node, value: object, parameter: Parameter) -> str | None:
    """Return why a scalar is ambiguous and what to write instead, or None if it is not ambiguous."""
    text, kind = node.value, _kind(node)
    if kind in ("int", "float") and ":" in text:
        return f'{text} is a base-60 number in YAML: write "{text}" for the string'
    if kind == "int" and _OCTAL.fullmatch(text):
        octal, plain = int(text.replace("_", ""), 8), text.lstrip("+").replace("_", "")
        if octal != int(plain):
            numbers = f"{int(plain)} or {octal} for a number"
            return f'{text} is an octal number in YAML and means {octal}: write {numbers}, "{text}" for the string'
    if parameter.converted and kind == "float" and _DECIMAL.fullmatch(text) and repr(float(text)) != text:
        return f'{text} is the number {float(text)!r} in YAML: write that, or "{text}" for the string'
    if parameter.type not in ("json", "any") and not parameter.converted:
        return None  # a parameter of any other type gives the text one meaning, or refuses it
    if kind == "bool" and text.lower() not in ("true", "false"):
        return f'{text} is {str(text.lower() in ("yes", "on")).lower()} in YAML: write that, or "{text}" for the string'
    if kind == "str" and _UNREAD.fullmatch(text):
        return f'{text} is a string in YAML 1.1, and a number in 1.2: write "{text}" for the string, or {_number(text)}'
    return None


def _number(text: str) -> str:
    plain = text.replace("_", "").lower()
    if "o" in plain:
        return str(int(plain, 8))
    return repr(float(plain)) if "e" in plain else str(int(plain))


def _kind(node: Node) -> str:
    tag: str = node.tag
    return tag.removeprefix(_TAG)


def _line(node: Node) -> int:
    mark = node.start_mark
    return mark.line + 1 if mark is not None else 0
