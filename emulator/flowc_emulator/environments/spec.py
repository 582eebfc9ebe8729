"""Describe an environment by its packages; their digest is the environment's name."""

from __future__ import annotations

import re
import sys
import sysconfig
from hashlib import sha256
from typing import TYPE_CHECKING, final

from flowc_emulator.environments.interpreters import Interpreter, check_python, find, this_version
from flowc_ir import json_text
from flowc_ir.late.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowc_ir import Packages


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """The packages of an environment, as sorted requirements for the installers. Tasks with equal specs share one
    environment."""

    python: str
    interpreter: Interpreter
    pypi: tuple[str, ...] = ()
    conda: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """The environment's name: a digest of its packages, its Python and the platform."""
        platform = [sys.implementation.name, sysconfig.get_platform()]
        return sha256(json_text.dumps([self.python, self.pypi, self.conda, platform]).encode()).hexdigest()[:16]

    def __str__(self) -> str:
        named = ", ".join([*self.conda, *self.pypi]) or "no packages"
        return f"Python {self.python}: {named}"


def make_spec(packages: Packages | None, extra: Iterable[str] = ()) -> Spec:
    """Return the spec of a step's environment, without packages if the step requests none.

    Args:
        packages: the packages of the step.
        extra: packages of PyPI that flowc itself needs; a version that the step requests has precedence.

    Raises:
        BuildError: no interpreter with the requested version is found, or flowc does not support the version.
    """
    asked = packages.python if packages else None
    pypi = [*packages.pypi] if packages else []
    conda = [*packages.conda] if packages else []
    named = {_normal(name) for name, _ in pypi}
    pypi += [(name, "") for name in extra if _normal(name) not in named]
    # If the step has packages of conda, conda also installs Python.
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
    """Return a requirement of pip (PEP 508): `("six", "1.16.0")` gives `six==1.16.0`.

    Args:
        name: a package's name, optionally with extras or a URL (`six@https://…`, `git+https://…`).
        version: a version or a range; `*` or empty allows every version; `@` followed by a URL installs the package
            from there.
    """
    name, at, address = name.partition("@") if not name.startswith("git+") else (name, "", "")
    if at:  # the name contains a URL: `six@https://…`
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
    """Return a requirement of conda: `("zlib", "1.2")` gives `zlib=1.2`."""
    return f"{name}={version}" if version[:1].isdigit() or version[:1] == "*" else f"{name}{version}"


def _normal(name: str) -> str:
    """Return a package's normalised name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
