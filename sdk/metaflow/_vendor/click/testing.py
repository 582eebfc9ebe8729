"""`metaflow._vendor.click.testing` is the same module as `click.testing`. This file declares its names for type
checkers."""

from click.testing import *  # noqa: F403  # pyright: ignore[reportWildcardImportFromLibrary]
