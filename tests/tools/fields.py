"""The fields of flowc's stored objects, as text, for comparison with the table of versions."""

from __future__ import annotations

import dataclasses
import types
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import typing_extensions

from flowc_ir import markers, model, policies
from flowc_runtime.process import outside_modules
from flowc_runtime.run import caching
from flowc_runtime.store.backends import external
from flowc_runtime.store.records import record_types as records
from flowc_runtime.store.values import codecs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_LEAVES: dict[object, str] = {Any: "any", object: "any", type(None): "null", model.Span: "place"}
_MODULES = (typing_extensions, external, codecs, outside_modules, records, caching, markers, model, policies)
# Names in annotations that the modules import only for type checkers.
_NAMES = {name: value for module in _MODULES for name, value in vars(module).items() if not name.startswith("__")}


def fields_of(roots: Iterable[type]) -> dict[str, str]:
    """Return the fields of dataclasses and TypedDicts, and of the types that they contain: `Type.field` -> its type."""
    found: dict[str, str] = {}
    waiting, known = list(roots), set[object]()
    while waiting:
        cls = waiting.pop()
        if cls in known:
            continue
        known.add(cls)
        for name, hint in _hints(cls).items():
            found[f"{cls.__name__}.{name}"] = _text(hint, waiting)
    return dict(sorted(found.items()))


def lines(fields: Mapping[str, str]) -> str:
    """Return the fields as the lines of a snapshot."""
    return "".join(f"{name}: {kind}\n" if kind else f"{name}\n" for name, kind in sorted(fields.items()))


def _hints(cls: type) -> dict[str, Any]:
    return typing_extensions.get_type_hints(cls, localns=_NAMES)


def _is_typeddict(hint: Any) -> bool:
    # this condition is also true for typed dicts of `flowc_ir.late.typeddict`
    return isinstance(hint, type) and hasattr(hint, "__required_keys__")


def _text(hint: Any, waiting: list[type]) -> str:
    # a union may contain the name of an alias as a string, which Python 3.10 does not resolve inside a tuple
    if isinstance(hint, str):
        hint = eval(hint, dict(_NAMES))
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    if hint in _LEAVES:
        return _LEAVES[hint]
    if dataclasses.is_dataclass(hint) or _is_typeddict(hint):
        waiting.append(hint)
        return str(hint.__name__)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " | ".join(sorted(map(repr, arguments)))
    inner = [_text(argument, waiting) for argument in arguments if argument is not ...]
    if origin in (Union, types.UnionType):
        return " | ".join(sorted(inner))
    if origin in (tuple, list):
        return f"list[{inner[0]}]" if origin is list or arguments[-1] is ... else f"[{', '.join(inner)}]"
    if origin is dict:
        return f"dict[{', '.join(inner)}]"
    assert isinstance(hint, type), hint
    return hint.__name__
