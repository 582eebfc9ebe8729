"""The shapes (types) of values in YAML pipelines. Each shape reads a value, reports faults, and has a JSON Schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol, TypeAlias, final

from flowc.frontends.yaml.yaml_tree import Keyed, Listing, Scalar, described
from flowc_ir import codes
from flowc_ir.late.dataclass import dataclass
from flowc_ir.suggestion import closest, did_you_mean
from flowc_runtime.base.config.task_limits import LimitError

if TYPE_CHECKING:
    from flowc.frontends.yaml.yaml_tree import Tree
    from flowc_ir.diagnostic import Faults

JsonSchema: TypeAlias = "dict[str, object]"


class YamlShape(Protocol):
    """The shape (type) of a value in a YAML pipeline."""

    def read(self, tree: Tree, what: str, faults: Faults) -> object:
        """Return the value. A faulty value is reported; its result must not be used.

        Args:
            tree: the value in the file.
            what: the value's name, for messages: `timeout of step 'train'`.
            faults: collects the faults.
        """
        ...

    def schema(self) -> JsonSchema:
        """Return the JSON Schema of values with this shape."""
        ...


def add_wrong(tree: Tree, what: str, wanted: str, faults: Faults, *, hint: str | None = None) -> None:
    """Report a value that does not have the expected shape.

    Args:
        tree: the value.
        what: a description of the value for messages.
        wanted: a description of the allowed values for messages.
        faults: collects the faults.
        hint: the hint of the fault; None for a hint that is derived from the value and `wanted`.
    """
    if hint is None and isinstance(tree, Scalar) and wanted.startswith("a string") and tree.value is not None:
        hint = f'quote it: "{tree.text}"'
    faults.add(
        codes.YAML_VALUE, tree.span, f"{what} is {described(tree)}, not {wanted}", hint=hint or f"write {wanted}"
    )


@final
@dataclass(frozen=True, slots=True)
class Text:
    """A string that is not empty. If `words` is given, the string must be one of these words. `meant` describes the
    string for hints."""

    words: tuple[str, ...] = ()
    meant: str = "a string that is not empty"

    def read(self, tree: Tree, what: str, faults: Faults) -> str:
        if isinstance(tree, Scalar) and (tree.value is None or not tree.text.strip()):
            faults.add(codes.YAML_VALUE, tree.span, f"{what} is empty", hint=self._hint() or f"write {self.meant}")
            return ""
        if not isinstance(tree, Scalar) or not isinstance(tree.value, str):
            add_wrong(tree, what, "a string", faults, hint=self._hint())
            return ""
        if self.words and tree.value not in self.words:
            near = closest(tree.value, self.words)
            hint = did_you_mean(near) if near else self._hint()
            faults.add(codes.YAML_VALUE, tree.span, f"{what} is {described(tree)}, which is not known", hint=hint)
        return tree.value

    def _hint(self) -> str | None:
        return f"write one of {', '.join(self.words)}" if self.words else None

    def schema(self) -> JsonSchema:
        schema: JsonSchema = {"type": "string", "minLength": 1}
        if self.words:
            schema["enum"] = [*self.words]
        return schema


@final
@dataclass(frozen=True, slots=True)
class ValueName:
    """The name of a value: a Python identifier."""

    def read(self, tree: Tree, what: str, faults: Faults) -> str:
        name = tree.value if isinstance(tree, Scalar) else None
        if not isinstance(name, str) or not name.isidentifier() or name.startswith("_"):
            add_wrong(tree, what, "the name of a value, such as total_2", faults)
            return ""
        return name

    def schema(self) -> JsonSchema:
        return {"type": "string", "pattern": "^[^\\W\\d_]\\w*$"}


@final
@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number."""

    least: int = 0

    def read(self, tree: Tree, what: str, faults: Faults) -> int:
        wanted = f"a whole number from {self.least}"
        if not isinstance(tree, Scalar) or type(tree.value) is not int or tree.value < self.least:
            add_wrong(tree, what, wanted, faults)
            return self.least
        if tree.surprise:
            faults.add(codes.YAML_VALUE, tree.span, f"{what}: {tree.surprise}", hint=f"write {tree.value}")
        return tree.value

    def schema(self) -> JsonSchema:
        return {"type": "integer", "minimum": self.least}


@final
@dataclass(frozen=True, slots=True)
class TrueOrFalse:
    """A boolean: `true` or `false`."""

    def read(self, tree: Tree, what: str, faults: Faults) -> bool:
        if not isinstance(tree, Scalar) or not isinstance(tree.value, bool):
            add_wrong(tree, what, "true or false", faults)
            return False
        return tree.value

    def schema(self) -> JsonSchema:
        return {"type": "boolean"}


@final
@dataclass(frozen=True, slots=True)
class EnvironmentText:
    """The value of an environment variable: the text as written in the file, even if it is a number."""

    def read(self, tree: Tree, what: str, faults: Faults) -> str:
        if not isinstance(tree, Scalar) or tree.value is None:
            add_wrong(tree, what, "a string", faults, hint='write a string; "" is the empty one')
            return ""
        return tree.text

    def schema(self) -> JsonSchema:
        return {"type": ["string", "number", "boolean"]}


@final
@dataclass(frozen=True, slots=True)
class Amount:
    """A number or string, such as a duration, that a function of `task_limits` checks."""

    check: Callable[[object, str], object]
    about: JsonSchema

    def read(self, tree: Tree, what: str, faults: Faults) -> object:
        value = tree.value if isinstance(tree, Scalar) else None
        try:
            self.check(value, what)
        except LimitError as error:
            wanted = str(error).partition(", not ")[2]
            add_wrong(tree, what, wanted, faults, hint=f"write {wanted}")
            return None
        if isinstance(tree, Scalar) and tree.surprise:
            faults.add(codes.YAML_VALUE, tree.span, f"{what}: {tree.surprise}", hint=f"write {value}")
        return value

    def schema(self) -> JsonSchema:
        return dict(self.about)


@final
@dataclass(frozen=True, slots=True)
class AnyValue:
    """Any value that JSON can represent."""

    def read(self, tree: Tree, what: str, faults: Faults) -> object:
        match tree:
            case Scalar():
                check_clear(tree, what, faults)
                return tree.value
            case Listing():
                return [self.read(each, what, faults) for each in tree.items]
            case Keyed():
                return {key.text: self.read(value, what, faults) for key, value in tree.entries}

    def schema(self) -> JsonSchema:
        return {}


def check_clear(tree: Scalar, what: str, faults: Faults) -> None:
    """Report a value that YAML 1.1 and YAML 1.2 read differently."""
    if tree.surprise:
        hint = f'write "{tree.text}" for the string'
        if isinstance(tree.value, str) and tree.text.lower() in ("on", "yes", "off", "no"):
            hint += f", {'true' if tree.text.lower() in ('on', 'yes') else 'false'} for the truth value"
        elif not isinstance(tree.value, str):
            hint += f", {tree.value!r} for the number"
        faults.add(codes.YAML_VALUE, tree.span, f"{what}: {tree.surprise}", hint=hint)


@final
@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of values of one shape."""

    item: YamlShape
    wanted: str = "a list"

    def read(self, tree: Tree, what: str, faults: Faults) -> list[object]:
        if not isinstance(tree, Listing):
            hint = f"write it as a list: [{tree.text}]" if isinstance(tree, Scalar) and tree.text else None
            add_wrong(tree, what, self.wanted, faults, hint=hint)
            return []
        return [self.item.read(each, f"item {number} of {what}", faults) for number, each in enumerate(tree.items, 1)]

    def schema(self) -> JsonSchema:
        return {"type": "array", "items": self.item.schema()}


@final
@dataclass(frozen=True, slots=True)
class MapOf:
    """A mapping of names to values of one shape."""

    key: YamlShape
    value: YamlShape
    wanted: str = "a mapping"

    def read(self, tree: Tree, what: str, faults: Faults) -> dict[str, object]:
        if not isinstance(tree, Keyed):
            add_wrong(tree, what, self.wanted, faults)
            return {}
        found: dict[str, object] = {}
        for key, value in tree.entries:
            self.key.read(key, f"a name in {what}", faults)
            found[key.text] = self.value.read(value, f"'{key.text}' of {what}", faults)
        return found

    def schema(self) -> JsonSchema:
        return {"type": "object", "additionalProperties": self.value.schema()}


@final
@dataclass(frozen=True, slots=True)
class Either:
    """A scalar of one shape; or a mapping or list of another shape."""

    scalar: YamlShape
    other: YamlShape

    def read(self, tree: Tree, what: str, faults: Faults) -> object:
        return (self.scalar if isinstance(tree, Scalar) else self.other).read(tree, what, faults)

    def schema(self) -> JsonSchema:
        return {"anyOf": [self.scalar.schema(), self.other.schema()]}


@final
@dataclass(frozen=True, slots=True)
class Inner:
    """A value that contains the inner steps of a step. The reader of the pipeline's form (a list or `dag:`) reads the
    inner steps later. `name` is the name of their definition in the JSON Schema.
    """

    name: str

    def read(self, tree: Tree, what: str, faults: Faults) -> Tree:
        return tree

    def schema(self) -> JsonSchema:
        return {"$ref": f"#/$defs/{self.name}"}


@final
@dataclass(frozen=True, slots=True)
class Field:
    """A key of a mapping: the shape of the value, and a description of its meaning."""

    shape: YamlShape
    about: str
    required: bool = False


Table: TypeAlias = "Mapping[str, Field]"


@final
@dataclass(frozen=True, slots=True)
class Record:
    """A mapping with known keys.

    Attributes:
        fields: the known keys with their shapes.
        meant: hints for unknown keys that users may know from other programs, or from the other form of YAML pipelines.
        wanted: a description of the mapping for messages.
        open: whether unknown keys are accepted; their values are not read.
    """

    fields: Table
    meant: Mapping[str, str] | None = None
    wanted: str = "a mapping"
    open: bool = False

    def read(self, tree: Tree, what: str, faults: Faults) -> dict[str, object]:
        if not isinstance(tree, Keyed):
            add_wrong(tree, what, self.wanted, faults)
            return {}
        found: dict[str, object] = {}
        for key, value in tree.entries:
            if (field := self.fields.get(key.text)) is not None:
                found[key.text] = field.shape.read(value, f"{key.text} of {what}", faults)
            elif not self.open:
                self._add_unknown(key, what, faults)
        missing = [name for name, field in self.fields.items() if field.required and tree.get(name) is None]
        for name in missing:
            faults.add(
                codes.YAML_KEY, tree.span, f"{what} has no '{name}'", hint=f"add {name}: {self.fields[name].about}"
            )
        return found

    def _add_unknown(self, key: Scalar, what: str, faults: Faults) -> None:
        near = closest(key.text, self.fields)
        hint = (self.meant or {}).get(key.text) or (
            did_you_mean(near) if near else f"it takes {', '.join(self.fields)}"
        )
        faults.add(codes.YAML_KEY, key.span, f"{what} has no key '{key.text}'", hint=hint)

    def schema(self) -> JsonSchema:
        required = [name for name, field in self.fields.items() if field.required]
        properties = {name: field.shape.schema() | {"description": field.about} for name, field in self.fields.items()}
        found: JsonSchema = {"type": "object", "properties": properties, "additionalProperties": self.open}
        return found | ({"required": required} if required else {})
