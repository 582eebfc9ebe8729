"""The value of the setting `secrets`: the source from which flowc reads the secrets that a flow names."""

from __future__ import annotations

import os
import re
from typing import Final

from flowc_ir.late.namedtuple import NamedTuple
from flowc_ir.late.pattern import late_pattern
from flowc_runtime.base import contract

METAFLOW_TYPE: Final = "METAFLOW_DEFAULT_SECRETS_BACKEND_TYPE"
ENV: Final = "env"
DOTENV: Final = "dotenv"
FILES: Final = "files"
KUBERNETES: Final = "kubernetes"
BUILT_IN: Final = (ENV, DOTENV, FILES, KUBERNETES)
FORMS: Final = "env, dotenv:PATH, files:DIR, kubernetes:NAME, or the name of a plugin, alone or as PLUGIN:PLACE"
"""The valid values of the setting, as error messages list them."""
_NAMED: Final = "kubernetes:NAME with a valid name of a Secret in Kubernetes (lower-case letters, digits, '-' and '.')"
_DEFAULT_FILE: Final = ".env"
_KIND: Final = late_pattern(r"[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)
OBJECT_NAME: Final = late_pattern(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?", re.ASCII)


def metaflow_type() -> str | None:
    """Return the variable METAFLOW_DEFAULT_SECRETS_BACKEND_TYPE, the type of secret sources that name no type; None if
    FLOWC_SECRETS is set or the variable is unset.

    FLOWC_SECRETS takes precedence over this variable.
    """
    return None if os.environ.get(contract.SECRETS) else os.environ.get(METAFLOW_TYPE) or None


class SecretSetting(NamedTuple):
    """A source of secrets.

    Attributes:
        kind: one of `BUILT_IN`, or the name of a plugin.
        place: the file, the directory, the Secret in Kubernetes, or text that the plugin interprets; empty for `env`.
    """

    kind: str
    place: str

    @staticmethod
    def parse(text: str) -> SecretSetting:
        """Return the source that a valid value of the setting names."""
        kind, _, place = text.partition(":")
        return SecretSetting(kind, place or (_DEFAULT_FILE if kind == DOTENV else ""))

    @staticmethod
    def is_valid(text: str) -> bool:
        """Return whether a text is a valid value of the setting `secrets`. The function does not check whether a plugin
        is installed."""
        kind, colon, place = text.partition(":")
        if not _KIND.fullmatch(kind) or not text.isprintable() or (colon and not place):
            return False
        match kind:
            case "env":
                return not colon
            case "files":
                return bool(place)
            case "kubernetes":
                return OBJECT_NAME.fullmatch(place) is not None
        return True

    @staticmethod
    def expected(text: str) -> str:
        """Return a description of the valid values, for an error about an invalid text."""
        kind, _, place = text.partition(":")
        return _NAMED if kind == KUBERNETES and place else FORMS

    @property
    def text(self) -> str:
        """This source as a value of the setting `secrets`."""
        return f"{self.kind}:{self.place}" if self.place else self.kind

    @property
    def is_plugin(self) -> bool:
        """Whether the source is a plugin, which an installed package provides."""
        return self.kind not in BUILT_IN

    def below(self, directory: str) -> SecretSetting:
        """Return the source with an absolute path; a relative path is resolved against the directory."""
        if self.kind not in (DOTENV, FILES):
            return self
        return self._replace(place=os.path.normpath(os.path.join(directory, os.path.expanduser(self.place))))

    @property
    def shown(self) -> str:
        """The source as error messages show it; a path below the working directory is shown relative to it."""
        if self.kind not in (DOTENV, FILES):
            return self.text
        try:
            inner = os.path.relpath(self.place)
        except FileNotFoundError:  # the working directory was deleted
            return self.text
        return self.text if inner.startswith("..") else f"{self.kind}:{inner}"
