"""A source of secrets for tests: the value of the secret NAME is `PLACE-name`, where PLACE is part of the setting."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Letters:
    """The source of secrets for the setting `secrets = "letters:PLACE"`."""

    def read(self, names: Sequence[str], place: str) -> Mapping[str, str]:
        return {name: f"{place}-{name}".lower() for name in names}


LETTERS = Letters()
