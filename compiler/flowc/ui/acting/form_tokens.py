"""The one-time tokens of forms: each form can be sent once, for the action and the subject that it shows."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final, final

from flowc_ir.late.dataclass import dataclass
from flowc_ir.late.namedtuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

LIFETIME: Final = 3600.0
"""Seconds for which a form can be sent."""
MOST: Final = 10_000
"""The number of forms that are remembered; the oldest ones are forgotten first."""


class AskedBefore(NamedTuple):
    """An action that was asked for: when (seconds since the epoch), by whom, and the id of its process."""

    when: float
    by: str
    id: str


class FormExpired(Exception):
    """The token is unknown: the form is older than LIFETIME, or belongs to another server, action or subject."""


class FormSpent(Exception):
    """The form was sent before, or somebody has asked for the same since the form was opened. `before` is that
    action."""

    def __init__(self, before: AskedBefore) -> None:
        super().__init__(f"asked for by {before.by}")
        self.before = before


@final
@dataclass(slots=True)
class _Issued:
    action: str
    subject: str
    when: float
    spent: AskedBefore | None = None


@final
class FormTokens:
    """The tokens of the forms that a server has shown. The caller serializes the calls."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._issued: dict[str, _Issued] = {}
        self._newest: dict[tuple[str, ...], AskedBefore] = {}

    def issue(self, action: str, subject: str) -> str:
        """Return a new token for a form.

        Args:
            action: the name of the action.
            subject: what the action is done to, such as a run.
        """
        self._forget()
        token = secrets.token_urlsafe(24)
        self._issued[token] = _Issued(action, subject, self._now())
        return token

    def check(self, token: str, action: str, subject: str, key: tuple[str, ...]) -> None:
        """Check that a form may be sent now.

        Args:
            token: the token that came with the form.
            action: the name of the action.
            subject: what the action is done to.
            key: equal keys are the same request, from whomever they come.

        Raises:
            FormExpired: the token is unknown or too old.
            FormSpent: the form was sent before, or an equal request came since the form was opened.
        """
        self._forget()
        found = self._issued.get(token)
        if found is None or (found.action, found.subject) != (action, subject):
            raise FormExpired
        if found.spent is not None:
            raise FormSpent(found.spent)
        if (newest := self._newest.get(key)) is not None and newest.when >= found.when:
            raise FormSpent(newest)

    def spend(self, token: str, key: tuple[str, ...], before: AskedBefore) -> None:
        """Record that a checked form was sent: no form that is open now has an effect for an equal request."""
        self._issued[token].spent = before
        self._newest[key] = before

    def _forget(self) -> None:
        """Forget tokens that are too old or too many; both maps are in the order of time."""
        earliest = self._now() - LIFETIME
        while self._issued and (len(self._issued) >= MOST or self._issued[next(iter(self._issued))].when < earliest):
            del self._issued[next(iter(self._issued))]
        for key, before in [*self._newest.items()]:
            if before.when < earliest:
                del self._newest[key]
