"""Import `urllib.parse`, which `pathlib` imports, without `ipaddress`, whose import would take half of the time.

`urllib.parse` gets a stand-in for `ipaddress`. The stand-in imports the real module when an address in brackets is
parsed. If `urllib.parse` or `ipaddress` is already imported, nothing changes.
"""

from __future__ import annotations

import sys
from importlib import import_module

from flowc.cli.light_click import StandIn
from flowc_ir.late import LateModule

# The type of the values is `object`, because one of them is a stand-in for a module.
_modules: dict[str, object] = sys.modules  # type: ignore[assignment]


def load_urllib() -> None:
    """Import `urllib.parse`, if neither it nor `ipaddress` is imported yet."""
    if "urllib.parse" in _modules or "ipaddress" in _modules:
        return
    stand_in = _modules["ipaddress"] = StandIn(LateModule("ipaddress"), "ipaddress")
    try:
        import_module("urllib.parse")
    finally:
        if _modules.get("ipaddress") is stand_in:
            del _modules["ipaddress"]
