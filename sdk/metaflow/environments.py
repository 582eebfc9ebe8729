"""`@pypi`, `@conda`, and `@pypi_base`, `@conda_base` for a whole flow: they declare packages for a separate Python
environment of each step.

These decorators are in a separate module because few flows use them. The decorators take effect only in runs with
isolated environments: `run --environment=pypi`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from metaflow.decorators import _decorate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["conda", "conda_base", "pypi", "pypi_base"]

_Function = TypeVar("_Function", bound="Callable[..., Any]")
_Class = TypeVar("_Class", bound=type)


@overload
def pypi(function: _Function, /) -> _Function: ...
@overload
def pypi(
    *, packages: Mapping[str, str] | None = None, python: str | None = None, disabled: bool | None = None
) -> Callable[[_Function], _Function]: ...
def pypi(*args: object, **kwargs: object) -> Any:
    """Run the step in a separate Python environment that has these packages of PyPI.

    Targets:
        local: works with `--environment=pypi` or `conda`; refused without this option
        argo: refused without `--environment=local`, which declares that the image has the packages

    Args:
        packages: Names of packages and their versions; an empty version means any version.
        python: Version of Python, such as "3.12". None means the version of this interpreter.
        disabled: Run the step in this interpreter, even if the flow has `@pypi_base`.
    """
    return _decorate("pypi", args, kwargs)


@overload
def conda(function: _Function, /) -> _Function: ...
@overload
def conda(
    *,
    packages: Mapping[str, str] | None = None,
    libraries: Mapping[str, str] | None = None,
    python: str | None = None,
    disabled: bool | None = None,
) -> Callable[[_Function], _Function]: ...
def conda(*args: object, **kwargs: object) -> Any:
    """Run the step in a separate Python environment that has these packages of conda-forge.

    Building the environment needs micromamba, mamba or conda.

    Targets:
        local: works with `--environment=pypi` or `conda`; refused without this option
        argo: refused without `--environment=local`, which declares that the image has the packages

    Args:
        packages: Names of packages and their versions; an empty version means any version.
        libraries: Older name of `packages`.
        python: Version of Python, such as "3.12". None means the version of this interpreter.
        disabled: Run the step in this interpreter, even if the flow has `@conda_base`.
    """
    return _decorate("conda", args, kwargs)


@overload
def pypi_base(flow: _Class, /) -> _Class: ...
@overload
def pypi_base(
    *, packages: Mapping[str, str] | None = None, python: str | None = None, disabled: bool | None = None
) -> Callable[[_Class], _Class]: ...
def pypi_base(*args: object, **kwargs: object) -> Any:
    """Add `@pypi` to all steps of the flow. `@pypi` on a step adds packages and replaces versions for that step.

    Targets:
        local: works with `--environment=pypi` or `conda`; refused without this option
        argo: refused without `--environment=local`, which declares that the image has the packages

    Args:
        packages: Names of packages and their versions; an empty version means any version.
        python: Version of Python, such as "3.12". None means the version of this interpreter.
        disabled: Run the step in this interpreter.
    """
    return _decorate("pypi_base", args, kwargs)


@overload
def conda_base(flow: _Class, /) -> _Class: ...
@overload
def conda_base(
    *,
    packages: Mapping[str, str] | None = None,
    libraries: Mapping[str, str] | None = None,
    python: str | None = None,
    disabled: bool | None = None,
) -> Callable[[_Class], _Class]: ...
def conda_base(*args: object, **kwargs: object) -> Any:
    """Add `@conda` to all steps of the flow. `@conda` on a step adds packages and replaces versions for that step.

    Targets:
        local: works with `--environment=pypi` or `conda`; refused without this option
        argo: refused without `--environment=local`, which declares that the image has the packages

    Args:
        packages: Names of packages and their versions; an empty version means any version.
        libraries: Older name of `packages`.
        python: Version of Python, such as "3.12". None means the version of this interpreter.
        disabled: Run the step in this interpreter.
    """
    return _decorate("conda_base", args, kwargs)
