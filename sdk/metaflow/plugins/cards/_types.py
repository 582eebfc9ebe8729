"""Which cards there are: built in, of extensions, and in the flow's own files."""

from __future__ import annotations

import importlib
import os
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
    ours: tuple[type[MetaflowCard], ...] = (*basic.CARDS, *test_cards.CARDS)
    for given in ours:
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
    """Those of extensions: `CARDS` of their package, of its `plugins`, of `plugins.cards`, and of what is in that."""
    for root in _extensions.roots():
        for name in sorted(os.listdir(root)):
            if name.isidentifier() and os.path.isdir(os.path.join(root, name)):
                yield from _of_organization(f"{_EXTENSION}.{name}", warn)


def _of_organization(organization: str, warn: Callable[[str], None]) -> Iterator[type[MetaflowCard]]:
    module = ""
    for module in (organization, f"{organization}.plugins", f"{organization}.plugins.cards"):
        if not _load(module, warn):
            return
        yield from _listed(module, warn)
    for directory in list(sys.modules[module].__path__):
        for name in _modules(directory):
            if _load(f"{module}.{name}", warn):
                yield from _listed(f"{module}.{name}", warn)


def _modules(directory: str) -> list[str]:
    names = [name.removesuffix(".py") for name in sorted(os.listdir(directory)) if not name.startswith(("_", "."))]
    return [name for name in names if name.isidentifier()]


def _load(module: str, warn: Callable[[str], None]) -> bool:
    """Import a module; False if it is not there, or broken, which is told."""
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            warn(f"the cards of {module} are passed over: {error}")
        return False
    except Exception as error:
        warn(f"the cards of {module} are passed over: importing it failed with {type(error).__name__}: {error}")
        return False
    return True


def _listed(module: str, warn: Callable[[str], None]) -> Iterator[type[MetaflowCard]]:
    for given in getattr(sys.modules[module], "CARDS", ()):
        if isinstance(given, type) and issubclass(given, MetaflowCard):
            yield given
        else:
            warn(f"the cards of {module}: {given!r} in CARDS is no class that derives from MetaflowCard")
