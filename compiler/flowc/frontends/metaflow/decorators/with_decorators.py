"""`--with retry:times=3`: decorators of the command line, for every step that has none of that name."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

from flowc.frontends.metaflow.decorators.policies import SEVERAL, STEP_DECORATORS
from flowc.frontends.metaflow.decorators.reader import shown
from flowc_ir import json_text
from flowc_ir.suggestion import did_you_mean, suggest
from metaflow.decorators import COMMAND_LINE, Applied

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_NEXT = re.compile(r",\s*(?=[A-Za-z_]\w*\s*=)")
_NAME = re.compile(r"[A-Za-z_][\w.]*")
_CALL = re.compile(r"@?(?P<name>[A-Za-z_][\w.]*)\s*[\s(\[=,;]\s*(?P<given>.*)", re.DOTALL)
_OWN = "; one of your own is named with its module"
_OPEN, _CLOSE = "[{(", "]})"


class WithError(ValueError):
    """What is wrong with one `--with`, in a line for a person."""


def parse_with(specs: Sequence[str]) -> tuple[Applied, ...]:
    """The decorators of `name` and `name:argument=value,argument=value`; a value is JSON, else text.

    Raises:
        WithError: a decorator of Metaflow's has no such argument, or the argument is something else.
    """
    found: list[Applied] = []
    for spec in specs:
        applied = _parse(spec)
        if applied.name in SEVERAL or all(other.name != applied.name for other in found):
            found.append(applied)  # of two the first one counts, as in Metaflow: then the steps have it
    return tuple(found)


def seen_by_mutators(cls: Any, asked: Sequence[Applied], own: Sequence[Applied]) -> list[Applied]:
    """Of the decorators that were `asked` for, those to put on the class itself, where its mutators can change them.

    Without a mutator these are the user's `own` alone: a step's node has the others.
    """
    if "metaflow.user_decorators.common" not in sys.modules:  # then there is no mutator
        return list(own)
    from metaflow.user_decorators._builtin import STEP_DECORATORS as KNOWN
    from metaflow.user_decorators._builtin import supported
    from metaflow.user_decorators._mutate import has_mutators

    if not own and not has_mutators(cls):
        return []
    known = supported(KNOWN)
    return [one for one in asked if one in own or one.name in known]


def unknown(name: str) -> WithError:
    """The error for an unknown decorator; it lists the known names."""
    from metaflow.user_decorators._builtin import STEP_DECORATORS as BUILTIN
    from metaflow.user_decorators._builtin import supported

    known = {"cache", *supported(BUILTIN)}
    hint = suggest(name, known, f"there are {', '.join(sorted(known))}{_OWN}")
    return WithError(f"--with {name}: there is no step decorator '{name}'; {hint}")


def _check_form(spec: str) -> None:
    """Raise WithError where the name does not end at a colon, with what was probably meant."""
    name = spec.partition(":")[0]
    if all(part.isidentifier() for part in name.split(".")):
        return
    if not name:
        raise WithError(f"--with {spec!r}: no decorator is named; write NAME or NAME:ARGUMENT=VALUE")
    if spec.startswith("@") and _NAME.fullmatch(name[1:]):
        raise WithError(f"--with {spec}: the name is written without '@'; {did_you_mean(spec[1:])}")
    found = _CALL.fullmatch(spec)
    if found is None:
        raise WithError(f"--with {spec}: {name!r} is no name of a decorator; write NAME or NAME:ARGUMENT=VALUE")
    meant, given = found["name"], found["given"].strip().rstrip(")]").strip()
    if given and "=" not in given:
        given = _example(meant, given)
    example = f"{meant}:{given}" if given else meant
    raise WithError(
        f"--with {spec}: a ':' stands between a decorator's name and its arguments; {did_you_mean(example)}"
    )


def _parse(spec: str) -> Applied:
    _check_form(spec)
    name, _, written = spec.partition(":")
    table = STEP_DECORATORS.get(name)
    if name == "step":
        raise WithError(f"--with {spec}: every step has @step")
    arguments: dict[str, Any] = {}
    for argument, text in _arguments(spec, written):
        if table is None:  # one of the user's own, which is looked for when the flow's file has been imported
            arguments[argument] = _value(text)
            continue
        kind = table.get(argument)
        if kind is None:
            hint = suggest(argument, table, f"it has {', '.join(table)}")
            raise WithError(f"--with {spec}: @{name} has no argument '{argument}'; {hint}")
        value = _value(text)
        if not kind.accepts(value):
            # A plain text that happens to be JSON, such as an image tag 1.20.
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
                f"--with {spec}: '{part}' gives no value; write argument=value, as in {name}:{_example(name, part)}"
            )
        yield argument.strip(), text.strip()


def _example(name: str, part: str) -> str:
    """What was probably meant by a part without `=`."""
    table = STEP_DECORATORS.get(name, {})
    if part in table:
        return f"{part}=VALUE"
    return part.replace(":", "=", 1) if ":" in part else f"{next(iter(table), 'argument')}={part}"


def _split(written: str) -> list[str]:
    """At the commas before the next `argument=`, outside of brackets and JSON texts."""
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


def _value(text: str) -> Any:
    try:
        return json_text.parsed(text)
    except ValueError:
        return text
