"""`@pypi`, `@conda` and their forms for a whole flow: which packages a step's own interpreter has.

They are kept apart from the other decorators because few flows use them, and they take effect only where a run asks for
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
def pypi(*args: Any, **kwargs: Any) -> Any:
    """Run the step with these `packages` of PyPI, name to version, and nothing else that is installed here.

    `python` is a version such as "3.11" (else this interpreter's); `disabled=True` runs the step in this interpreter,
    whatever `@pypi_base` says.
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
def conda(*args: Any, **kwargs: Any) -> Any:
    """Run the step with these `packages` of conda-forge, name to version; `libraries` is an older name for them.

    `python` and `disabled` are as for `@pypi`. Building the environment needs micromamba, mamba or conda.
    """
    return _decorate("conda", args, kwargs)


@overload
def pypi_base(flow: _Class, /) -> _Class: ...
@overload
def pypi_base(
    *, packages: Mapping[str, str] | None = None, python: str | None = None, disabled: bool | None = None
) -> Callable[[_Class], _Class]: ...
def pypi_base(*args: Any, **kwargs: Any) -> Any:
    """`@pypi` for all steps of the flow; a step's own adds to its packages and replaces its versions."""
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
def conda_base(*args: Any, **kwargs: Any) -> Any:
    """`@conda` for all steps of the flow; a step's own adds to its packages and replaces its versions."""
    return _decorate("conda_base", args, kwargs)
