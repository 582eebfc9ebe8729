"""`metaflow._vendor.click` is the same module as `click`."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import click as _click
from click import *  # noqa: F403  # pyright: ignore[reportWildcardImportFromLibrary]

# The real click modules, not copies: commands made with `click` and with `metaflow._vendor.click` can be combined.
for _found in pkgutil.iter_modules(_click.__path__):
    if not _found.name.startswith("_"):
        sys.modules[f"{__name__}.{_found.name}"] = importlib.import_module(f"click.{_found.name}")
sys.modules[__name__] = _click
