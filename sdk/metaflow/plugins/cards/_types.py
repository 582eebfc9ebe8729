"""The types of cards: built in, from extensions, and defined in the flow's own files."""

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
"""Types of cards that packages on PyPI provide: type → package."""


def known_cards(warn: Callable[[str], None]) -> dict[str, type[MetaflowCard]]:
    """Return the card classes by type.

    If several classes have the same type, built-in cards take precedence, then cards of extensions.

    Args:
        warn: a function that prints a warning. It is called for each extension that cannot be loaded, which is skipped.
    """
    by_type: dict[str, type[MetaflowCard]] = {}
    for card in (*_extended(warn), *_own()):
        if card.type is not None:
            by_type.setdefault(card.type, card)
    return by_type | _BUILT_IN


def find_card(type_name: str, warn: Callable[[str], None]) -> type[MetaflowCard]:
    """Return the class for a type of cards.

    Args:
        type_name: `@card(type=…)`.
        warn: a function that prints a warning. It is called for each extension that cannot be loaded, which is skipped,
            and for each class with the type of a built-in card.

    Raises:
        CardClassFoundException: there is no card of this type; the message lists the known types.
    """
    if type_name in _BUILT_IN:  # for a built-in card, extensions need not be imported
        for card in (card for card in _own() if card.type == type_name):
            warn(f"{card.__name__} has the type '{type_name}' of a built-in card, and does not replace it")
        return _BUILT_IN[type_name]
    known = known_cards(warn)
    if type_name not in known:
        advice = f"; `pip install {PACKAGES[type_name]}` installs it" if type_name in PACKAGES else ""
        raise CardClassFoundException(f"there is no card of type '{type_name}'; there are {type_names(known)}{advice}")
    return known[type_name]


def type_names(cards: Mapping[str, type[MetaflowCard]]) -> str:
    """Return the card types that error messages list: `blank`, `default` and all types that are not built in."""
    return ", ".join(sorted(name for name in cards if name in ("blank", "default") or name not in _BUILT_IN))


def _own() -> Iterator[type[MetaflowCard]]:
    """Yield the card classes that the flow's own files define; these files are already imported."""
    classes = list(MetaflowCard.__subclasses__())
    for card in classes:  # the list grows during the loop
        classes += card.__subclasses__()
        if not card.__module__.startswith((_OURS, f"{_EXTENSION}.")) and card.type is not None:
            yield card


def _extended(warn: Callable[[str], None]) -> Iterator[type[MetaflowCard]]:
    """Yield the card classes of extensions: from the list `CARDS` in an extension's package, in `plugins`, in
    `plugins.cards` and in the modules of `plugins.cards`."""
    for root in _extensions.roots():
        for name in sorted(os.listdir(root)):
            if name.isidentifier() and os.path.isdir(os.path.join(root, name)):
                yield from _of_organization(f"{_EXTENSION}.{name}", warn)


def _of_organization(organization: str, warn: Callable[[str], None]) -> Iterator[type[MetaflowCard]]:
    module = ""
    for module in (organization, f"{organization}.plugins", f"{organization}.plugins.cards"):
        if not _load(module, warn):
            return
        yield from _declared(module, warn)
    for directory in list(getattr(sys.modules[module], "__path__", ())):
        for name in _modules(directory):
            if _load(f"{module}.{name}", warn):
                yield from _declared(f"{module}.{name}", warn)


def _modules(directory: str) -> list[str]:
    names = [name.removesuffix(".py") for name in sorted(os.listdir(directory)) if not name.startswith(("_", "."))]
    return [name for name in names if name.isidentifier()]


def _load(module: str, warn: Callable[[str], None]) -> bool:
    """Import a module. Return False if the module does not exist. If importing the module fails, print a warning and
    return False."""
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            warn(f"the cards of {module} are skipped: {error}")
        return False
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # importing an extension may even raise SystemExit
        warn(f"the cards of {module} are skipped: importing it failed with {type(error).__name__}: {error}")
        return False
    return True


def _declared(module: str, warn: Callable[[str], None]) -> Iterator[type[MetaflowCard]]:
    declared = getattr(sys.modules[module], "CARDS", None)
    for card in declared if isinstance(declared, (list, tuple)) else () if declared is None else (declared,):
        if isinstance(card, type) and issubclass(card, MetaflowCard):
            yield card
        else:
            warn(f"the cards of {module}: {card!r} in CARDS is not a subclass of MetaflowCard")
