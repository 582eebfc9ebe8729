"""The names of flowc's own packages, whose modules are not user code."""

from __future__ import annotations

from typing import Final

OWN_PACKAGES: Final = ("flowc", "flowc_emulator", "flowc_ir", "flowc_runtime", "metaflow")
EXTENSIONS_PACKAGE: Final = "metaflow_extensions"
