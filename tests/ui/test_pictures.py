"""The screenshots in docs/ui are those of the present templates and styles."""

from __future__ import annotations

import json

from tools import page_pictures


def test_the_screenshots_are_up_to_date() -> None:
    kept = json.loads(page_pictures.DIGEST.read_text(encoding="utf-8"))["digest"]
    assert kept == page_pictures.digest(), "take them again: PYTHONPATH=tests .venv/bin/python -m tools.page_pictures"


def test_the_documentation_shows_each_screenshot() -> None:
    text = (page_pictures.ROOT / "docs" / "ui.md").read_text(encoding="utf-8")
    readme = (page_pictures.ROOT / "README.md").read_text(encoding="utf-8")
    for picture in page_pictures.PLACE.glob("*.png"):
        assert f"ui/{picture.name}" in text + readme, f"no page shows docs/ui/{picture.name}"
        assert picture.stat().st_size < 400_000
