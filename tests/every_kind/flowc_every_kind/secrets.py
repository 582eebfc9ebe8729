"""A source of secrets for tests: with the setting `letters:place`, the secret TOKEN has the value `place-token`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Letters:
    """The source of secrets for the setting `secrets = "letters:PLACE"`."""

    def read(self, names: Sequence[str], place: str) -> Mapping[str, str]:
        return {name: f"{place}-{name}".lower() for name in names}


LETTERS = Letters()
