"""Read `@secrets` into the IR's `Secret`s: the names of secrets and their providers. Values are never read here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypedDict

from flowc.frontends.metaflow.decorators.reader import (
    BOOL,
    TEXT,
    ArgumentKind,
    canonical,
    is_json_object,
    optional,
    shown,
)
from flowc_ir import Secret, codes
from flowc_ir.late.pattern import late_pattern
from flowc_ir.policies import CONFIGURED
from flowc_ir.suggestion import suggest
from flowc_runtime.base.config.secret_setting import METAFLOW_TYPE, metaflow_type
from flowc_runtime.run.task.secrets import PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc.frontends.metaflow.decorators.reader import Reader
    from metaflow.decorators import Applied

    class SecretsArguments(TypedDict, total=False):
        """The arguments of `@secrets`, which the table `SECRETS` checks."""

        sources: Sequence[object]
        role: str | None
        allow_override: bool


SECRETS: Final[Mapping[str, ArgumentKind]] = {
    "sources": ArgumentKind(
        "a list of sources", lambda value: True
    ),  # `read_secrets` checks `sources`, and does not show its value in errors, because it may be a secret
    "role": optional(TEXT),
    "allow_override": BOOL,
}
_VARIABLE: Final = late_pattern(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_CLOUDS: Final = ("aws-secrets-manager", "gcp-secret-manager", "az-key-vault")
_FIELDS: Final = ("type", "id", "options", "role")


def read_secrets(reader: Reader, applied: Applied, arguments: SecretsArguments) -> tuple[Secret, ...]:
    """Return the valid sources of one `@secrets` in the order of the source; report invalid ones.

    Args:
        reader: reads decorators of the step and collects their faults.
        applied: the decorator `@secrets` as it was applied.
        arguments: the decorator's arguments, which were checked.
    """
    secrets: list[Secret] = []
    if not isinstance(arguments.get("sources", ()), (list, tuple)):
        reader.faults.add(
            codes.BAD_ARGUMENT,
            reader.span(applied, "sources"),
            "@secrets: sources must be a list of sources",
            hint='such as ["dotenv..env"]',
        )
        return ()
    for index, source in enumerate(arguments.get("sources", ())):
        secret = _source(source, arguments)
        if isinstance(secret, Secret):
            secrets.append(secret)
        else:
            message, hint = secret
            reader.faults.add(
                codes.BAD_ARGUMENT, reader.span(applied, "sources", index), f"@secrets: {message}", hint=hint
            )
    return tuple(secrets)


def _source(source: object, arguments: SecretsArguments) -> Secret | tuple[str, str | None]:
    """Convert one item of `sources=` to a `Secret`; if it is invalid, return the message and the hint of the error."""
    if isinstance(source, str):
        source = _spelt_out(source)
        if isinstance(source, tuple):
            return source
    if not isinstance(source, dict):
        # The error does not show the value of `source`, because it may be the secret itself.
        return (
            f"a source must be a string or a dict, not of type {type(source).__name__}",
            'write {"type": "env", "id": "X"}',
        )
    if unknown := [name for name in source if name not in _FIELDS]:
        return f"a source has no field {shown(unknown[0])}", f"its fields are {', '.join(_FIELDS)}"
    kind, name, options = source.get("type") or metaflow_type(), source.get("id"), source.get("options")
    named = kind is None and isinstance(name, str) and _VARIABLE.fullmatch(name) is not None and not options
    if named:  # the source is only a variable's name: the setting `secrets` chooses the provider
        kind = CONFIGURED
    if not isinstance(kind, str) or not isinstance(name, str) or not name:
        missing = "id" if isinstance(kind, str) else "type"
        return f"a source needs a string as its {missing}", 'write {"type": "env", "id": "X"}'
    if not named and (problem := _problem(kind)):
        return problem
    if not is_json_object(options or {}):
        return f"the options of {kind} '{name}' must be a dict that JSON can hold", None
    role = source.get("role") or arguments.get("role")
    # The IR does not contain the values of an inline secret: a task reads them from the decorator in the code.
    text = canonical({} if kind == "inline" else options)
    return Secret(type=kind, id=name, options=text, role=role, allow_override=arguments.get("allow_override", False))


def _spelt_out(text: str) -> dict[str, str] | tuple[str, str]:
    """Convert a source given as text to a dict with its type and id; if it is invalid, return a message and a hint."""
    kind, dot, name = text.partition(".")
    if dot and (kind in PROVIDERS or kind in _CLOUDS):
        return {"type": kind, "id": name}
    if default := metaflow_type():
        return {"type": default, "id": text}
    if not _VARIABLE.fullmatch(text):
        return (
            f"'{text}' does not name a type of secrets",
            f'write "TYPE.ID", where TYPE is one of {", ".join(PROVIDERS)}; or write only the name of a variable, so '
            f"that the setting `secrets` chooses the source; or set {METAFLOW_TYPE}",
        )
    return {"id": text}


def _problem(kind: str) -> tuple[str, str] | None:
    if kind in PROVIDERS or ("." in kind and all(part.isidentifier() for part in kind.split("."))):
        return None
    known = ", ".join(PROVIDERS)
    if kind in _CLOUDS:
        return (
            f"'{kind}' is not supported",
            f"use one of {known}, or write a class with get_secret_as_dict and name it: {{'type': 'module.Class'}}",
        )
    return f"there is no type of secrets '{kind}'", suggest(kind, PROVIDERS, f"types are {known}")
