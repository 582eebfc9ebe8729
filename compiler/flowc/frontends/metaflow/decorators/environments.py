"""Read `@pypi`, `@conda`, `@pypi_base` and `@conda_base` into the packages of each step."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypedDict, cast

from flowc.frontends.metaflow.decorators.policies import ENVIRONMENTS, ArgumentKind, Reader
from flowc_ir import Packages, codes
from flowc_ir.late.pattern import late_pattern
from metaflow.decorators import applied_to

if TYPE_CHECKING:
    import ast
    from collections.abc import Mapping

    from flowc.frontends.metaflow.structure.steps import StepMethod
    from flowc.frontends.source import Source
    from flowc_ir.diagnostic import Faults
    from flowc_ir.policies import Pairs
    from metaflow.decorators import Applied

    class _Arguments(TypedDict, total=False):
        packages: Mapping[str, str] | None
        python: str | None
        disabled: bool | None
        libraries: Mapping[str, str] | None


# A Python version or a range of versions. Whether flowc supports the version is checked when an environment is built.
_CONDITION: Final = r"\s*(?:===?|~=|!=|<=|>=|<|>)?\s*\d+(?:\.\d+){0,2}(?:\.\*)?\s*"
_PYTHON: Final = late_pattern(rf"(?:{_CONDITION}(?:,{_CONDITION})*)?", re.ASCII)
# Names and versions become arguments of pip or conda: none may look like a command line option.
_NAME: Final = late_pattern(
    r"[A-Za-z0-9_][A-Za-z0-9._-]*(\[[A-Za-z0-9._, -]+\])?(@\S+)?|(git\+|https?://|[a-z-]+::)\S+"
)
_VERSION: Final = late_pattern(r"|[0-9*][\w.*+!|,=<>~ -]*|[<>=!~@][^\n\r]*")


def _is_packages(value: object) -> bool:
    return value is None or (
        isinstance(value, dict)
        and all(
            isinstance(name, str) and isinstance(version, str)
            and _NAME.fullmatch(name) and _VERSION.fullmatch(version.strip())
            for name, version in value.items()
        )
    )  # fmt: skip


_PACKAGES = ArgumentKind(
    "a dict from packages to versions, all as text", _is_packages, 'such as {"pandas": "2.2.3", "six": ">=1.16"}'
)
_PYPI: Final[Mapping[str, ArgumentKind]] = {
    "packages": _PACKAGES,
    "python": ArgumentKind(
        "a version as text",
        lambda value: value is None or (isinstance(value, str) and _PYTHON.fullmatch(value) is not None),
        'such as python="3.12", python="3.12.4", python="3.12.*" or python=">=3.11,<3.14"',
    ),
    "disabled": ArgumentKind("True or False", lambda value: value is None or isinstance(value, bool)),
}
TABLES: Final[Mapping[str, Mapping[str, ArgumentKind]]] = {"pypi": _PYPI, "conda": {**_PYPI, "libraries": _PACKAGES}}


def read_base(cls: type, source: Source, tree: ast.ClassDef, faults: Faults) -> Packages | None:
    """Return the packages that the flow's class sets for all steps; None if the class sets no packages.

    If a class and its bases have the same decorator, the class nearest to the flow in the MRO has precedence.

    Args:
        cls: the flow's class.
        source: the file with the class.
        tree: the syntax tree of the class.
        faults: collects misplaced, duplicate and wrong decorators.
    """
    reader = Reader(source, tree, faults)
    decorators: dict[str, Applied] = {}
    for owner in cls.__mro__:
        own: dict[str, Applied] = {}
        for applied in reversed(applied_to(owner)):
            kind = applied.name.removesuffix("_base")
            if kind not in ENVIRONMENTS:
                continue
            if applied.name == kind and owner is cls:
                reader.faults.add(
                    codes.MISPLACED_DECORATOR,
                    reader.span(applied),
                    f"@{kind} decorates a step, not the flow's class",
                    hint=f"for all steps write @{kind}_base",
                )
            elif kind in own and owner is cls:
                reader.faults.add(
                    codes.DUPLICATE_DECORATOR,
                    reader.span(applied),
                    f"flow '{cls.__name__}' has @{applied.name} twice",
                    hint="write one with all its packages",
                    also=[(reader.span(own[kind]), "the first one")],
                )
            else:
                own[kind] = applied
        decorators = own | decorators
    return _read(decorators, reader)


def step_packages(method: StepMethod, base: Packages | None, faults: Faults) -> Packages | None:
    """Return the packages of a step: the step's own packages and the packages of the flow's class; None if neither has
    packages.

    Args:
        method: the step.
        base: the packages of the flow's class. If the step names the same package, the step's version is used.
        faults: collects duplicate and wrong decorators.
    """
    reader = Reader(method.source, method.tree, faults)
    decorators: dict[str, Applied] = {}
    for applied in reversed(method.applied):
        if applied.name not in ENVIRONMENTS:
            continue
        if applied.name in decorators:
            reader.faults.add(
                codes.DUPLICATE_DECORATOR,
                reader.span(applied),
                f"step '{method.name}' has @{applied.name} twice",
                hint="write one with all its packages",
                also=[(reader.span(decorators[applied.name]), "the first one")],
            )
        decorators.setdefault(applied.name, applied)
    own = _read(decorators, reader)
    if base is None or own is None or own.disabled:
        return own or base
    return Packages(
        python=own.python or base.python,
        pypi=_merged(base.pypi, own.pypi),
        conda=_merged(base.conda, own.conda),
    )


def _merged(base: Pairs, own: Pairs) -> Pairs:
    """Merge the flow's and the step's packages: the step's versions have precedence. Different spellings of a package's
    name count as equal.
    """
    named = {_spelling(name) for name, _ in own}
    return (*((name, version) for name, version in base if _spelling(name) not in named), *own)


def _spelling(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.partition("[")[0]).lower()


def _read(decorators: Mapping[str, Applied], reader: Reader) -> Packages | None:
    """Return the packages of @pypi and @conda on a class or step; None if there are no packages, or if there is a
    fault."""
    arguments_of: dict[str, _Arguments] = {}
    for kind, applied in decorators.items():
        arguments = cast("_Arguments | None", reader.arguments(applied, TABLES[kind]))
        if arguments is not None:
            arguments_of[kind] = arguments
    pythons = {kind: python for kind, arguments in arguments_of.items() if (python := arguments.get("python"))}
    if len({python.removesuffix(".*") for python in pythons.values()}) > 1:
        reader.faults.add(
            codes.BAD_ARGUMENT,
            reader.span(decorators["conda"], "python"),
            f"@pypi has python {pythons['pypi']}, but @conda has {pythons['conda']}",
            hint="a step has one Python version: give it once",
        )
    if not decorators or len(arguments_of) < len(decorators):
        return None
    conda = arguments_of.get("conda", {})
    return Packages(
        python=next(iter(pythons.values()), None),
        pypi=_pairs(arguments_of.get("pypi", {}).get("packages")),
        conda=_pairs({**(conda.get("libraries") or {}), **(conda.get("packages") or {})}),
        disabled=any(arguments.get("disabled") for arguments in arguments_of.values()),
    )


def _pairs(packages: Mapping[str, str] | None) -> Pairs:
    return tuple((name, version.strip()) for name, version in (packages or {}).items())
