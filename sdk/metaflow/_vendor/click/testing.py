"""`metaflow._vendor.click.testing` is `click.testing` itself; this file tells type checkers what is in it."""

from click.testing import *  # noqa: F403  # pyright: ignore[reportWildcardImportFromLibrary]
