"""Included files and configs are artifacts of every task too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaflow import Flow

if TYPE_CHECKING:
    from project import Project

FLOW = """
    from metaflow import Config, FlowSpec, IncludeFile, JSONType, Parameter, step

    class Given(FlowSpec):
        text = IncludeFile("text", default="given.txt")
        raw = IncludeFile("raw", default="given.bin", is_text=False)
        settings = Config("settings", default_value={"model": {"depth": 3}})
        j = Parameter("j", type=JSONType, default='{"a": [1]}')
        none = Parameter("none", type=int)
        dashed = Parameter("dashed-name", type=str, multiple=True, default=("d",))

        @step
        def start(self):
            self.seen = self.text, self.raw, self.settings.model.depth, self.j, self.none
            self.next(self.end)

        @step
        def end(self):
            pass
    """


def test_files_and_configs(letters: Project) -> None:
    letters.write("given.py", FLOW)
    (letters.root / "given.txt").write_text("größe\n", encoding="utf-8")
    (letters.root / "given.bin").write_bytes(b"\xff\x00" * 500)
    done = letters.flowc("run", "--local", "given.py")
    assert done.code == 0, done.err
    run = Flow("Given").latest_run
    assert run is not None
    data = run.data
    assert data is not None
    assert data.seen == (data.text, data.raw, data.settings["model"]["depth"], data.j, data.none)
    assert data.dashed == ("d",)
    assert data.seen == ("größe\n", b"\xff\x00" * 500, 3, {"a": [1]}, None)
    task = run["end"].task
    assert [artifact.id for artifact in task] == ["dashed", "j", "name", "none", "raw", "seen", "settings", "text"]
    assert (task["text"].size, task["text"].type, task["raw"].size, task["raw"].type) == (8, "str", 1000, "bytes")
    assert task["raw"].sha == run["start"].task["raw"].sha != task["text"].sha
    assert "given.txt" in task["text"]._repr_html_()
