"""Import errors for modules of Metaflow that flowc does not have. Each error names an alternative."""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # `typing` costs start-up time
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType


class _Hints:
    """The last entry of `sys.meta_path`: Python calls it only for modules that no other finder knows."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Raise ModuleNotFoundError for a module of Metaflow that flowc does not have. The message names an
        alternative.

        For every other module, return None: this finder finds no module.
        """
        package, _, module = name.partition(".")
        if package == "metaflow" and module:
            from metaflow._unsupported import hint_for_module

            if hint := hint_for_module(module):
                raise ModuleNotFoundError(f"'{name}' is not supported by flowc; {hint}", name=name)
        return None


def install() -> None:
    """Append the finder to `sys.meta_path`; a second call has no effect."""
    if not any(finder is _Hints for finder in sys.meta_path):
        sys.meta_path.append(_Hints)
