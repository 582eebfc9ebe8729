"""`metaflow._vendor.click.testing` is `click.testing` itself; this file declares its names to type checkers."""

from click.testing import *  # noqa: F403  # pyright: ignore[reportWildcardImportFromLibrary]
