"""Cards in a bucket, and cards in a pod; the processes that render them are forked before the bucket is used."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from flowc_runtime.store.records.store import Store
from gateway import gateway
from metaflow.plugins.cards import _store

if TYPE_CHECKING:
    from project import Project

FLOW = """
    from metaflow import FlowSpec, card, current, step
    from metaflow.cards import Markdown, get_cards

    class Far(FlowSpec):
        @step
        def start(self):
            self.text = "from the step before"
            self.next(self.end)

        @card(refresh_interval=0)
        @card(type="test_error_card")
        @step
        def end(self):
            current.card.append(Markdown(self.text))
            current.card.refresh()
            current.card.refresh(force=True)
            self.during = [page.get() for page in get_cards(current.pathspec)][0]
    """


def test_a_bucket(project: Project, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("obstore")
    project.write("flow.py", FLOW)
    with gateway(tmp_path_factory.mktemp("s3")) as s3:
        url = s3.bucket("cards") + "/team"
        done = project.flowc("run", "--local", "flow.py", "--store", url, **s3.environment)
        assert done.code == 0, done.err
        listed = project.flowc("card", "list", "Far/latest/end", "--as-json", "--store", url, **s3.environment)
        assert [entry["type"] for entry in json.loads(listed.out)["cards"]] == ["default", "test_error_card"]
        got = project.flowc("card", "get", "Far/latest/end", "--type", "default", "--store", url, **s3.environment)
        assert "<p>from the step before</p>" in got.out
        for name, value in s3.environment.items():
            monkeypatch.setenv(name, value)
        run = Store.open(url).run("Far", Store.open(url).runs("Far")[0])
        assert "running" in project.artifacts(run, "end")["during"]


def test_a_large_card(project: Project) -> None:
    """A card of fifty megabytes can be stored and read, also while its step runs."""
    project.write("flow.py", """
        import os
        from metaflow import FlowSpec, card, current, step
        from metaflow.cards import Image

        class Large(FlowSpec):
            @card(type="blank", refresh_interval=0)
            @step
            def start(self):
                current.card.append(Image(b"\\x89PNG" + bytes(38_000_000), label="the whole sky"))
                current.card.refresh()
                self.next(self.end)

            @step
            def end(self):
                pass

        if __name__ == "__main__":
            Large()
        """)  # fmt: skip
    project.run("flow.py")
    page = project.python("flow.py", "card", "get", "start").out
    assert len(page) > 50_000_000
    assert page.rstrip().endswith("</html>")
    assert project.python("flow.py", "card", "get", "start", "large.html").code == 0
    assert (project.root / "large.html").read_text() == page.removesuffix("\n")


@pytest.mark.parametrize("where", ["directory", "bucket"])
def test_a_pod(project: Project, tmp_path_factory: pytest.TempPathFactory, where: str) -> None:
    project.write("code/flow.py", FLOW)
    (project.root / "ir.json").write_text(project.flowc("ir", "code/flow.py").out)
    environment = {
        "FLOWC_RUN": "far-1", "FLOWC_IR": str(project.root / "ir.json"), "FLOWC_CODE": str(project.root / "code"),
        "FLOWC_OUT": str(project.root / "out"), "FLOWC_PARAMETERS": "[]",
    }  # fmt: skip

    def tasks(url: str, **more: str) -> None:
        for step in ("start", "end"):
            arguments = ("-m", "flowc_runtime", "task", step, "--path", "0", "--retry", "0")
            done = project.python(*arguments, **environment | more, FLOWC_STORE=url)
            assert done.code == 0, done.err
        assert "[@card WARNING] the card 'test_error_card' could not be made" in done.err
        got = project.flowc("card", "get", "Far/far-1/end", "--store", url, **more)
        assert "<p>from the step before</p>" in got.out

    if where == "directory":
        tasks(f"file://{project.root}/.flowc")
        assert [file.type for file in _store.cards_of(project.latest(), "end", "0", 1)] == [
            "default",
            "test_error_card",
        ]
        return
    pytest.importorskip("obstore")
    with gateway(tmp_path_factory.mktemp("s3")) as s3:
        tasks(s3.bucket("pods"), **s3.environment)
