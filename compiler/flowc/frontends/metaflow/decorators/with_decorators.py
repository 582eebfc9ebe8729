"""Parse the option `--with retry:times=3`, which adds a decorator to every step that does not have it."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from flowc.frontends.metaflow.decorators.policies import SEVERAL, STEP_DECORATORS
from flowc.frontends.metaflow.decorators.reader import shown
from flowc_ir import json_text
from flowc_ir.late.pattern import late_pattern
from flowc_ir.suggestion import did_you_mean, suggest
from metaflow.decorators import COMMAND_LINE, Applied

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowc_ir.json_text import Json

_NEXT = late_pattern(r",\s*(?=[A-Za-z_]\w*\s*=)")
_NAME = late_pattern(r"[A-Za-z_][\w.]*")
_CALL = late_pattern(r"@?(?P<name>[A-Za-z_][\w.]*)\s*[\s(\[=,;]\s*(?P<given>.*)", re.DOTALL)
_OWN = "; name your own decorators with their module"
_OPEN, _CLOSE = "[{(", "]})"


class WithError(ValueError):
    """The value of a `--with` option is wrong; the message is one line for the user."""


def parse_with(specs: Sequence[str]) -> tuple[Applied, ...]:
    """Parse values of `--with`: `name` or `name:argument=value,argument=value`. A value that is not JSON is text.

    Raises:
        WithError: a spec is malformed, the decorator is unknown, or an argument is unknown or has a wrong value.
    """
    decorators: list[Applied] = []
    for spec in specs:
        applied = _parse(spec)
        if applied.name in SEVERAL or all(other.name != applied.name for other in decorators):
            # If several decorators have the same name, only the first is used, as in Metaflow.
            decorators.append(applied)
    return tuple(decorators)


def seen_by_mutators(cls: type, applied: Sequence[Applied], own: Sequence[Applied]) -> list[Applied]:
    """Return the decorators of `--with` that are added to the class, so that the class's mutators can see and change
    them.

    Args:
        cls: the flow's class.
        applied: all decorators of `--with`.
        own: the user-defined decorators among `applied`. If the class has no mutators, only the decorators in `own` are
            added to the class; the other decorators are added to the steps' nodes.
    """
    if "metaflow.user_decorators.common" not in sys.modules:  # a mutator can exist only after this import
        return list(own)
    from metaflow.user_decorators._builtin import STEP_DECORATORS as KNOWN
    from metaflow.user_decorators._builtin import supported
    from metaflow.user_decorators._mutate import has_mutators

    if not own and not has_mutators(cls):
        return []
    known = supported(KNOWN)
    return [one for one in applied if one in own or one.name in known]


def unknown(name: str) -> WithError:
    """Return the error for an unknown decorator of `--with`; its hint suggests a similar name or lists all names."""
    from metaflow.user_decorators._builtin import STEP_DECORATORS as BUILTIN
    from metaflow.user_decorators._builtin import supported

    known = {"cache", *supported(BUILTIN)}
    hint = suggest(name, known, f"there are {', '.join(sorted(known))}{_OWN}")
    return WithError(f"--with {name}: there is no step decorator '{name}'; {hint}")


def _check_form(spec: str) -> None:
    """Raise WithError with a suggestion if the decorator's name in a value of `--with` is malformed."""
    name = spec.partition(":")[0]
    if all(part.isidentifier() for part in name.split(".")):
        return
    if not name:
        raise WithError(f"--with {spec!r}: the decorator's name is missing; write NAME or NAME:ARGUMENT=VALUE")
    if spec.startswith("@") and _NAME.fullmatch(name[1:]):
        raise WithError(f"--with {spec}: the name is written without '@'; {did_you_mean(spec[1:])}")
    match = _CALL.fullmatch(spec)
    if match is None:
        raise WithError(f"--with {spec}: {name!r} is not a decorator's name; write NAME or NAME:ARGUMENT=VALUE")
    meant, arguments = match["name"], match["given"].strip().rstrip(")]").strip()
    if arguments and "=" not in arguments:
        arguments = _example(meant, arguments)
    example = f"{meant}:{arguments}" if arguments else meant
    raise WithError(f"--with {spec}: write ':' between the decorator's name and its arguments; {did_you_mean(example)}")


def _parse(spec: str) -> Applied:
    _check_form(spec)
    name, _, written = spec.partition(":")
    table = STEP_DECORATORS.get(name)
    if name == "step":
        raise WithError(f"--with {spec}: every step has @step already")
    arguments: dict[str, object] = {}
    for argument, text in _arguments(spec, written):
        if table is None:  # a user-defined decorator: it is looked up after the import of the flow's file
            arguments[argument] = _value(text)
            continue
        kind = table.get(argument)
        if kind is None:
            hint = suggest(argument, table, f"it has {', '.join(table)}")
            raise WithError(f"--with {spec}: @{name} has no argument '{argument}'; {hint}")
        value = _value(text)
        if not kind.accepts(value):
            # The argument takes text, and the given text, such as the image tag 1.20, happens to be valid JSON.
            value = text if kind.accepts(text) else value
        if not kind.accepts(value):
            hint = f" ({kind.hint})" if kind.hint else ""
            raise WithError(f"--with {spec}: {argument} is {kind.words}, not {shown(value)}{hint}")
        arguments[argument] = value
    return Applied(name, (), arguments, COMMAND_LINE, 0)


def _arguments(spec: str, written: str) -> Iterator[tuple[str, str]]:
    for part in _split(written):
        argument, equals, text = part.partition("=")
        if not equals:
            name = spec.partition(":")[0]
            raise WithError(
                f"--with {spec}: '{part}' has no value; write argument=value, as in {name}:{_example(name, part)}"
            )
        yield argument.strip(), text.strip()


def _example(name: str, part: str) -> str:
    """Return an example for an error: `argument=value`, with the argument that the user probably meant."""
    table = STEP_DECORATORS.get(name, {})
    if part in table:
        return f"{part}=VALUE"
    return part.replace(":", "=", 1) if ":" in part else f"{next(iter(table), 'argument')}={part}"


def _split(written: str) -> list[str]:
    """Split `a=1,b=2` at each comma before an `argument=`, except at commas in brackets and JSON strings."""
    parts, start, depth, quoted = [], 0, 0, False
    at = 0
    while at < len(written):
        char = written[at]
        if quoted:
            at += 1 if char == "\\" else 0
            quoted = char != '"'
        elif char == '"':
            quoted = True
        elif char in _OPEN:
            depth += 1
        elif char in _CLOSE:
            depth -= 1
        elif depth <= 0 and (match := _NEXT.match(written, at)):
            parts.append(written[start:at])
            start, at = match.end(), match.end() - 1
        at += 1
    return [part for part in (*parts, written[start:]) if part.strip()]


def _value(text: str) -> Json:
    try:
        return json_text.parsed(text)
    except ValueError:
        return text
