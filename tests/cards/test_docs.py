"""The examples in the docstrings of cards work as described."""

from __future__ import annotations

import doctest
import types
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

import metaflow.cards
import metaflow.client
from metaflow.plugins.cards._current import CardComponents

if TYPE_CHECKING:
    from pathlib import Path

    from project import Project

MODULES = ("charts", "gauges", "pictures", "tables", "texts", "timeline", "viewers")
EXAMPLES = [
    (module, example)
    for module in MODULES
    for example in doctest.DocTestFinder().find(import_module(f"metaflow.plugins.cards.card_modules.{module}"))
    if example.examples
]


def given(name: str) -> dict[str, Any]:
    """Return the names that the examples of a component use without defining them."""
    known: dict[str, Any] = {
        "current": types.SimpleNamespace(card=CardComponents()),
        "error": ValueError("no file"),
        "points": [{"x": 1, "y": 2}],
    }
    if "dataframe" in name:
        known["houses"] = pytest.importorskip("pandas").DataFrame({"a": [1]})
    if "altair" in name:
        known["chart"] = pytest.importorskip("altair").Chart({"values": [{"a": 1}]}).mark_bar()
    if "matplotlib" in name:
        known["figure"] = pytest.importorskip("matplotlib.figure").Figure()
    return known | {name: getattr(metaflow.cards, name) for name in metaflow.cards.__all__}


@pytest.mark.parametrize("example", [example for _, example in EXAMPLES], ids=lambda example: example.name)
def test_the_example_of_a_component(example: doctest.DocTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cat.png").write_bytes(b"\x89PNG")
    example.globs = given(example.name)
    card = example.globs["current"].card
    assert doctest.DocTestRunner().run(example, clear_globs=False).failed == 0
    assert len(card) == 1
    assert "failed" not in card[0].render()


def test_every_component_has_an_example() -> None:
    components = {
        name
        for name in metaflow.cards.__all__
        if isinstance(kind := getattr(metaflow.cards, name), type)
        and issubclass(kind, metaflow.cards.MetaflowCardComponent)
    } - {"MetaflowCardComponent", "PageComponent"}
    assert components <= {example.name.rpartition(".")[2] for _, example in EXAMPLES}


def test_the_example_of_get_cards(shown: Project) -> None:
    metaflow.client.metadata(str(shown.root))
    metaflow.client.namespace(None)
    try:
        names = {
            "get_cards": metaflow.cards.get_cards,
            "task": metaflow.client.Flow("ShowFlow").latest_run["start"].task,
        }
        client = import_module("metaflow.plugins.cards.card_client")
        found = doctest.testmod(client, extraglobs=names)
        assert (found.failed, found.attempted > 0) == (0, True)
    finally:
        metaflow.client.default_metadata()
        metaflow.client.default_namespace()
