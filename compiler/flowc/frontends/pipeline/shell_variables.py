"""Finds the variables that a shell command uses without setting them: they are inputs of the step."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from flowc_ir.late.namedtuple import NamedTuple
from flowc_ir.late.pattern import late_pattern

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN: Final = late_pattern(
    r"""
    (?P<skip> \\. | (?<![\w$#{])\#[^\n]* )
  | (?P<single> '[^']*' )
  | (?P<document> <<-?[ \t]*['"\\](?P<word>\w+)['"]?(?P<rest>[^\n]*)\n .*? (?:\n[ \t]*(?P=word)[ \t]*(?=\n|\Z)|\Z) )
  | \$\(\((?P<arithmetic>[^()]*)\)\)
  | \$\{(?P<braced>[a-z_]\w*) (?: (?P<operator>:?[-=+?]) (?P<default>[^{}$`"'\\]*\} )? )?
  | \$(?P<plain>[a-z_]\w*)
    """,
    re.VERBOSE | re.DOTALL | re.ASCII | re.IGNORECASE,
)
_SET: Final = late_pattern(
    r"""(?:^|[;&|({\s`]) (?: ([a-z_]\w*)(?:\[[^\]]*\])?\+?=
      | (?:for|select)\s+([a-z_]\w*)
      | (?:read|readarray|mapfile|getopts|unset|printf\s+-v|let)\s+([^;&|\n]*) )""",
    re.VERBOSE | re.ASCII | re.IGNORECASE | re.MULTILINE,
)
_SETS_ANY: Final = late_pattern(r"(?:^|[;&|({\s`])(?:\.|source|eval)\s", re.MULTILINE)


class ShellVariable(NamedTuple):
    """A variable of a command. `default` is the text in `${name:-text}`; a variable with a default is not required."""

    name: str
    required: bool
    default: str | None = None


def variables_used(command: str) -> list[ShellVariable]:
    """Return the variables that a command uses and does not set, in the order of their first use.

    Names without a lower-case letter, such as `HOME`, are left out: by convention they are environment variables. In a
    command with `source` or `eval` no variable is required, because these two commands may set any variable.
    """
    uses = list(_uses(command))
    own = _names_set(command)
    found: dict[str, ShellVariable] = {}
    for use in uses:
        if use.name in own or use.name.upper() == use.name:
            continue
        before = found.get(use.name)
        required = use.required if before is None else before.required or use.required
        default = use.default if before is None else before.default if before.default is not None else use.default
        found[use.name] = ShellVariable(use.name, required, default)
    if _SETS_ANY.search(command):
        return [each._replace(required=False) for each in found.values()]
    return [each._replace(default=None) if each.required else each for each in found.values()]


def _uses(text: str) -> Iterator[ShellVariable]:
    inside = False  # whether `at` is inside double quotes, where an apostrophe is plain text
    at = 0
    while at < len(text):
        if text[at] == '"':
            inside = not inside
            at += 1
            continue
        match = _TOKEN.match(text, at)
        quiet = match is not None and (match["single"] or match["document"] or match[0].startswith("#"))
        if match is None or (inside and quiet):
            at += 1
            continue
        if name := match["plain"]:
            yield ShellVariable(name, required=True)
        elif name := match["braced"]:
            default = match["default"]
            text_ = default[:-1] if default is not None and match["operator"] in (":-", "-", ":=", "=") else None
            yield ShellVariable(name, match["operator"] is None or "?" in match["operator"], text_)
        elif match["arithmetic"]:
            for name in re.findall(r"(?<![\w#])[a-z_]\w*", match["arithmetic"], re.ASCII | re.IGNORECASE):
                yield ShellVariable(name, required=True)
        elif match["document"]:
            yield from _uses(match["rest"])
        at = match.end()


def _names_set(command: str) -> frozenset[str]:
    names: set[str] = set()
    for assigned, looped, listed in _SET.findall(command):
        names.update(re.findall(r"[A-Za-z_]\w*", f"{assigned} {looped} {listed}"))
    return frozenset(names)
