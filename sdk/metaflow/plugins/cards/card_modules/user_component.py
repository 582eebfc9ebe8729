"""What all built-in components derive from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from flowc_runtime.base.errors import StepTimeout
from metaflow.plugins.cards.card_modules.card import MetaflowCardComponent

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["UserComponent"]


class UserComponent(MetaflowCardComponent):
    """A component that can change while the step runs.

    To make one and to update it does the step no harm, whatever it is given: the card shows what is wrong with that.
    """

    REALTIME_UPDATABLE: ClassVar[bool] = True
    _wrong: Exception | None = None

    def _try(self, make: Callable[..., Any], *given: Any) -> Any:
        """What `make` gives; None if it fails, which is shown in the component's place."""
        self._wrong = None
        try:
            return make(*given)
        except StepTimeout:  # it comes at any time, and is the step's
            raise
        except Exception as error:
            self._wrong = error
            return None

    def _base(self, type: str, **more: Any) -> dict[str, Any]:
        """Its dict, without what is None. Raises what went wrong."""
        if self._wrong is not None:
            raise self._wrong
        values = {"type": type, "id": self.component_id, **more}
        return {key: value for key, value in values.items() if value is not None}
