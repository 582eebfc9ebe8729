"""What an environment is made of, and the name that this gives it."""

from __future__ import annotations

import re
import sys
import sysconfig
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, final

from flowc_emulator.environments.interpreters import Interpreter, check_python, find, this_version
from flowc_ir import json_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowc_ir import Packages


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """`pypi` and `conda` are requirements as their installers read them, sorted: equal specs share an environment."""

    python: str
    interpreter: Interpreter
    pypi: tuple[str, ...] = ()
    conda: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """The environment's name: of its packages, its Python and the platform, not of where anything is installed."""
        platform = [sys.implementation.name, sysconfig.get_platform()]
        return sha256(json_text.dumps([self.python, self.pypi, self.conda, platform]).encode()).hexdigest()[:16]

    def __str__(self) -> str:
        named = ", ".join([*self.conda, *self.pypi]) or "no packages"
        return f"Python {self.python}: {named}"


def make_spec(packages: Packages | None, extra: Iterable[str] = ()) -> Spec:
    """The environment of a step; none of its own words still means one without any package.

    `extra` are packages of PyPI that flowc itself needs there; a version that the step asks for comes first.

    Raises:
        BuildError: there is no interpreter of that version, or flowc does not run on it.
    """
    asked = packages.python if packages else None
    pypi = [*packages.pypi] if packages else []
    conda = [*packages.conda] if packages else []
    named = {_normal(name) for name, _ in pypi}
    pypi += [(name, "") for name in extra if _normal(name) not in named]
    # With packages of conda, Python is one of them.
    if conda:
        check_python(asked)
    interpreter = Interpreter(None, asked or this_version()) if conda else find(asked)
    return Spec(
        python=interpreter.version,
        interpreter=interpreter,
        pypi=tuple(sorted(requirement(name, version) for name, version in pypi)),
        conda=tuple(sorted(match_spec(name, version) for name, version in conda)),
    )


def requirement(name: str, version: str) -> str:
    """`("six", "1.16.0")` -> `six==1.16.0`; ranges and addresses stay as they are."""
    name, at, address = name.partition("@") if not name.startswith("git+") else (name, "", "")
    if at:  # of a requirement that says where it is: `six@https://…`
        version = f"@{address}"
    if name.startswith(("git+", "http://", "https://")):
        return f"{name}@{version.removeprefix('@').strip()}" if version else name
    base, bracket, extras = name.partition("[")
    name = _normal(base) + bracket + extras
    if version.startswith("@"):
        return f"{name} @ {version[1:].strip()}"
    if version == "*":
        return name
    return f"{name}=={version}" if version[:1].isdigit() else f"{name}{version}"


def match_spec(name: str, version: str) -> str:
    """`("zlib", "1.2")` -> `zlib=1.2`, as conda reads it."""
    return f"{name}={version}" if version[:1].isdigit() or version[:1] == "*" else f"{name}{version}"


def _normal(name: str) -> str:
    """A package's name in the one form of its many spellings (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
