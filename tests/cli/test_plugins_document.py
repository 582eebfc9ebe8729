"""docs/plugins.md shows the code of the test package, and names every kind of plugin."""

from __future__ import annotations

import re
from pathlib import Path

from flowc_runtime.base.config.plugin_kinds import KINDS
from plugins import PLACE

TEXT = (Path(__file__).parents[2] / "docs/plugins.md").read_text()


def test_the_code_is_that_of_the_test_package() -> None:
    files = [path.read_text() for path in (PLACE / "flowc_every_kind").glob("*.py")]
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        parts = re.split(r"\n\n+(?=    def )", block.strip())
        assert any(all(part in file for part in parts) for file in files), block


def test_the_entry_points_are_those_of_the_test_package() -> None:
    points = (PLACE / "flowc_every_kind-1.dist-info/entry_points.txt").read_text()
    registered = dict(re.findall(r"\[([\w.]+)\]\n(\w+ = [\w.:]+)", points))
    shown = re.findall(r'\[project\.entry-points\."([\w.]+)"\]\n(\w+) = "([\w.:]+)"', TEXT)
    assert len(shown) == 3
    assert all(registered[group] == f"{name} = {value}" for group, name, value in shown)
    assert {kind.group for kind in KINDS} == registered.keys()  # the test package registers a plugin of each kind


def test_the_table_has_every_kind() -> None:
    rows = [line for line in TEXT.splitlines() if line.startswith("| [")]
    assert len(rows) == len(KINDS)
    for kind in KINDS:
        (row,) = [row for row in rows if f"`{kind.group}`" in row]
        assert kind.word in row
        assert kind.public.removeprefix("subclass of ") in row
