"""The text of a generated module: its header, its imports, and its functions."""

from __future__ import annotations

import keyword
import re
from typing import TYPE_CHECKING

from flowc_ir import diagnostic, json_text, model, policies, reading, versions

if TYPE_CHECKING:
    from collections.abc import Iterable

NOTE = "Generated from the classes of flowc_ir.model and flowc_ir.policies by `make generate`: do not edit."
WIDTH = 120
_HOMES = {each.__name__: vars(each) for each in (policies, model, reading, versions, json_text, diagnostic)}


def module(
    doc: str,
    functions: Iterable[str],
    *,
    runs: Iterable[str],
    types: Iterable[str],
    std: Iterable[str] = ("from typing import TYPE_CHECKING",),
) -> str:
    """Return the source of a module.

    Args:
        doc: the first line of the module's docstring.
        functions: the source of each function.
        runs: names of flowc_ir that it needs at run time.
        types: names of flowc_ir that only its annotations need.
        std: lines of imports from the standard library; those that only annotations need are indented.
    """
    functions = [*functions]
    body = "\n".join(functions)
    elsewhere = {name for name in re.findall(r"\b(?:read|write)_\w+", body) if f"def {name}(" not in body}
    checked = ["\n".join(line for line in std if line.startswith(" ")), "\n".join(_imports(types, "    "))]
    blocks = [
        f'"""{doc}\n\n{NOTE}\n"""',
        "from __future__ import annotations",
        "\n".join(line for line in std if any(checked) and not line.startswith(" ")),
        "\n".join(_imports({*runs} | elsewhere)),
        "if TYPE_CHECKING:\n" + "\n\n".join(filter(None, checked)) if any(checked) else "",
    ]
    return "\n\n".join(filter(None, blocks)) + "\n\n\n" + "\n\n\n".join(functions) + "\n"


def names_in(functions: Iterable[str]) -> set[str]:
    """Return the names of flowc_ir that occur in the functions."""
    found: set[str] = set()
    for text in functions:
        code = re.sub(r'"[^"]*"', '""', text)
        found |= {*re.findall(r"(?<![\w.])[A-Za-z]\w*(?=[(.,)\]:|]| \||$)", code, re.MULTILINE)}
    return {name for name in found if _home(name) and not re.match("(read|write)_", name)}


def wrapped(start: str, parts: Iterable[str], end: str) -> str:
    """Return a call or collection as source: on one line if it fits, else one part per line, as ruff formats it."""
    several = list(parts)
    if len(one := f"{start}{', '.join(several)}{end}") <= WIDTH:
        return one
    margin = " " * (len(start) - len(start.lstrip()))
    comma = "," if len(several) > 1 or end.strip() in ("}", "]") else ""
    return "\n".join([start, *(f"{margin}    {part}{comma}" for part in several), f"{margin}{end}"])


def variable(name: str) -> str:
    """Return the name of the variable that holds a part: the part's name, with `_` appended if it is a keyword."""
    return f"{name}_" if keyword.iskeyword(name) else name


def literal(value: object) -> str:
    """Return the source of a value as ruff formats it, with double quotes."""
    match value:
        case str():
            return '"' + repr(value)[1:-1].replace('"', '\\"') + '"'
        case tuple() | list():
            return f"({', '.join(map(literal, value))}{',' if len(value) == 1 else ''})"
    return repr(value)


def _imports(names: Iterable[str], margin: str = "") -> list[str]:
    homes: dict[str, list[str]] = {}
    for name in sorted(names, key=lambda name: (name[0].islower(), name)):
        homes.setdefault(_home(name) or "", []).append(name)
    return [_import(f"{margin}from {home} import ", homes[home]) for home in sorted(homes)]


def _import(start: str, names: list[str]) -> str:
    plain = start + ", ".join(names)
    return plain if len(plain) <= WIDTH else wrapped(f"{start}(", names, ")")


def _home(name: str) -> str | None:
    """Return the module of flowc_ir that defines a name."""
    if made := re.match("(read|write)_", name):
        return f"flowc_ir.generated.policy_{made[1]}{'er' if made[1] == 'read' else 'r'}"
    return next((home for home, has in _HOMES.items()
                 if name in has and getattr(has[name], "__module__", home) in (home, "typing")), None)  # fmt: skip
