"""The packages of this distribution: modules of them are no code of a user's."""

from __future__ import annotations

from typing import Final

OWN_PACKAGES: Final = ("flowc", "flowc_emulator", "flowc_ir", "flowc_runtime", "metaflow")
EXTENSIONS_PACKAGE: Final = "metaflow_extensions"
