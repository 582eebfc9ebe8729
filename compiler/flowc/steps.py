"""What flowc has for steps besides Metaflow's API.

`from flowc.steps import cache, external_file`. A flow that uses them runs with flowc only.
"""

from __future__ import annotations

from flowc_runtime.external import ExternalFile, external_file

__all__ = ["ExternalFile", "external_file"]
