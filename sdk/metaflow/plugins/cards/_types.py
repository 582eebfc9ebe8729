"""Which cards there are: built in, of extensions, and in the flow's own files."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from typing import TYPE_CHECKING

from metaflow import _extensions
from metaflow.plugins.cards.card_modules import basic, test_cards
from metaflow.plugins.cards.card_modules.card import MetaflowCard
from metaflow.plugins.cards.exception import CardClassFoundException

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_OURS = "metaflow.plugins.cards."
_EXTENSION = "metaflow_extensions"


def find_card(wanted: str, warn: Callable[[str], None]) -> type[MetaflowCard]:
    """The class of a type of cards. Raises CardClassFoundException; a broken extension is told and passed over."""
    found: dict[str, type[MetaflowCard]] = {}
    for given in (*_extended(warn), *_own()):
        if given.type is not None:
            found.setdefault(given.type, given)
    for given in (*basic.CARDS, *test_cards.CARDS):
        assert given.type is not None
        found[given.type] = given  # ours keep their names
    if wanted in found:
        return found[wanted]
    known = sorted(name for name in found if not name.startswith(("test_", "taskspec", "error")))
    raise CardClassFoundException(f"there is no card of type '{wanted}'; there are {', '.join(known)}")


def _own() -> Iterator[type[MetaflowCard]]:
    """Those that the flow's own files have defined, which are imported by now."""
    waiting = list(MetaflowCard.__subclasses__())
    for given in waiting:  # grows as it goes
        waiting += given.__subclasses__()
        if not given.__module__.startswith((_OURS, f"{_EXTENSION}.")) and given.type is not None:
            yield given


def _extended(warn: Callable[[str], None]) -> Iterator[type[MetaflowCard]]:
    """Those of extensions: the `CARDS` of `metaflow_extensions.ORG.plugins.cards` and of what is in that package."""
    if not _extensions.roots():
        return
    package = importlib.import_module(_EXTENSION)
    for org in pkgutil.iter_modules(package.__path__, f"{_EXTENSION}."):
        yield from _of_organization(org.name, warn)
    for name in _namespaces(list(package.__path__)):
        yield from _of_organization(name, warn)


def _namespaces(paths: list[str]) -> list[str]:
    """Organizations without an `__init__.py`, which are packages all the same."""
    import os

    found: dict[str, None] = {}
    for path in paths:
        for name in sorted(os.listdir(path)):
            directory = os.path.join(path, name)
            if name.isidentifier() and os.path.isdir(directory) and "__init__.py" not in os.listdir(directory):
                found[f"{_EXTENSION}.{name}"] = None
    return list(found)


def _of_organization(organization: str, warn: Callable[[str], None]) -> Iterator[type[MetaflowCard]]:
    cards = _load(f"{organization}.plugins.cards", warn)
    if cards is None:
        return
    yield from _listed(cards, warn)
    for directory in getattr(sys.modules[cards], "__path__", ()):
        for name in _modules(directory):
            if (module := _load(f"{cards}.{name}", warn)) is not None:
                yield from _listed(module, warn)


def _modules(directory: str) -> list[str]:
    import os

    names = [name.removesuffix(".py") for name in sorted(os.listdir(directory)) if not name.startswith(("_", "."))]
    return [name for name in names if name.isidentifier()]


def _load(module: str, warn: Callable[[str], None]) -> str | None:
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            warn(f"the cards of {module} are passed over: {error}")
        return None
    except Exception as error:
        warn(f"the cards of {module} are passed over: importing it failed with {type(error).__name__}: {error}")
        return None
    return module


def _listed(module: str, warn: Callable[[str], None]) -> Iterator[type[MetaflowCard]]:
    for given in getattr(sys.modules[module], "CARDS", ()):
        if isinstance(given, type) and issubclass(given, MetaflowCard):
            yield given
        else:
            warn(f"the cards of {module}: {given!r} in CARDS is no class that derives from MetaflowCard")
