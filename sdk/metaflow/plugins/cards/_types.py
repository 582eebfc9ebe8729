"""The types of cards: built in, of extensions, and of the flow's own files."""

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
    from collections.abc import Callable, Iterator, Mapping

_CARDS: tuple[type[MetaflowCard], ...] = (*basic.CARDS, *test_cards.CARDS)
_BUILT_IN = {given.type: given for given in _CARDS if given.type is not None}
_OURS = "metaflow.plugins.cards."
_EXTENSION = "metaflow_extensions"

PACKAGES: Mapping[str, str] = {
    "corise": "metaflow-card-corise",
    "helloworld": "metaflow-card",
    "html": "metaflow-card-html",
    "huggingface_dataset": "metaflow-card-hf-dataset",
    "notebook": "metaflow-card-notebook",
    "profile_card": "metaflow-profiler",
    "scatter3d": "metaflow-card-scatter3d",
    "traincard": "metaflow-traincard",
    "uplot": "metaflow-card-uplot",
}
"""Types of cards that packages on PyPI bring: type → the package."""


def known_cards(warn: Callable[[str], None]) -> dict[str, type[MetaflowCard]]:
    """Return the card classes by type. A broken extension is skipped with a warning."""
    found: dict[str, type[MetaflowCard]] = {}
    for given in (*_extended(warn), *_own()):
        if given.type is not None:
            found.setdefault(given.type, given)
    return found | _BUILT_IN


def find_card(wanted: str, warn: Callable[[str], None]) -> type[MetaflowCard]:
    """Return the class of a type. Raises CardClassFoundException; a broken extension is skipped with a warning."""
    if wanted in _BUILT_IN:  # and no extension has to be imported
        for given in (given for given in _own() if given.type == wanted):
            warn(f"{given.__name__} has the type '{wanted}' of a built-in card, and does not replace it")
        return _BUILT_IN[wanted]
    known = known_cards(warn)
    if wanted not in known:
        advice = f"; `pip install {PACKAGES[wanted]}` brings it" if wanted in PACKAGES else ""
        raise CardClassFoundException(f"there is no card of type '{wanted}'; there are {told(known)}{advice}")
    return known[wanted]


def told(known: Mapping[str, type[MetaflowCard]]) -> str:
    """Return the types to list in messages: without those for tests and those that replace a failed card."""
    return ", ".join(sorted(name for name in known if name in ("blank", "default") or name not in _BUILT_IN))


def _own() -> Iterator[type[MetaflowCard]]:
    """Return the classes that the flow's own files have defined; these files are imported by then."""
    waiting = list(MetaflowCard.__subclasses__())
    for given in waiting:  # grows during the loop
        waiting += given.__subclasses__()
        if not given.__module__.startswith((_OURS, f"{_EXTENSION}.")) and given.type is not None:
            yield given


def _extended(warn: Callable[[str], None]) -> Iterator[type[MetaflowCard]]:
    """Yield the classes of extensions: `CARDS` of their package, `plugins`, `plugins.cards` and the modules in it."""
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
    for directory in list(getattr(sys.modules[module], "__path__", ())):
        for name in _modules(directory):
            if _load(f"{module}.{name}", warn):
                yield from _listed(f"{module}.{name}", warn)


def _modules(directory: str) -> list[str]:
    names = [name.removesuffix(".py") for name in sorted(os.listdir(directory)) if not name.startswith(("_", "."))]
    return [name for name in names if name.isidentifier()]


def _load(module: str, warn: Callable[[str], None]) -> bool:
    """Import a module; return False if it does not exist, or after a warning if it is broken."""
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            warn(f"the cards of {module} are skipped: {error}")
        return False
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # an extension may raise SystemExit too
        warn(f"the cards of {module} are skipped: importing it failed with {type(error).__name__}: {error}")
        return False
    return True


def _listed(module: str, warn: Callable[[str], None]) -> Iterator[type[MetaflowCard]]:
    listed = getattr(sys.modules[module], "CARDS", None)
    for given in listed if isinstance(listed, (list, tuple)) else () if listed is None else (listed,):
        if isinstance(given, type) and issubclass(given, MetaflowCard):
            yield given
        else:
            warn(f"the cards of {module}: {given!r} in CARDS is not a subclass of MetaflowCard")
