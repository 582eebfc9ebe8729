"""The base class of all built-in components."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from flowc_runtime.base.errors import StepTimeout
from metaflow.plugins.cards._warn import warn
from metaflow.plugins.cards.card_modules.card import MetaflowCardComponent

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["UserComponent"]


class UserComponent(MetaflowCardComponent):
    """A component that can change while the step runs.

    Creating or updating the component with invalid input raises no error in the step; the card shows the error instead.
    """

    REALTIME_UPDATABLE: ClassVar[bool] = True
    _wrong: Exception | None = None
    _fixed = False

    def _is_fixed(self) -> bool:
        """Return whether updates of the component are disabled. If so, also print a warning."""
        if self._fixed:
            name = type(self).__name__
            warn(f"{name}.update changed nothing: create the {name} with disable_updates=False to update it")
        return self._fixed

    def _try(self, make: Callable[..., Any], *given: Any) -> Any:
        """Return the result of the function `make`, or None if the function raises an exception.

        After an exception, the card shows the error instead of the component.
        """
        self._wrong = None
        try:
            return make(*given)
        except StepTimeout:  # raised when the step's time limit expires, at any line; it is no error of the component
            raise
        except Exception as error:
            self._wrong = error
            return None

    def _base(self, type: str, **more: Any) -> dict[str, object]:
        """Return the component's dict without the fields that are None. If the input was invalid, raise the error."""
        if self._wrong is not None:
            raise self._wrong
        values = {"type": type, "id": self.component_id, **more}
        return {key: value for key, value in values.items() if value is not None}
