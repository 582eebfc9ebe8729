"""Takes the screenshots of the page that the documentation shows: `PYTHONPATH=tests python -m tools.page_pictures`.

The file docs/ui/pictures.json has the digest of everything that the look of the page depends on: templates, styles, the
script, the code that draws, and this module with its flow. `tests/ui/test_pictures.py` tells when the digest differs,
so that the screenshots are taken again. Pixels are not compared, because they depend on the fonts of the machine.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / "docs" / "ui"
DIGEST = PLACE / "pictures.json"
SHOWN = ("templates/*.html", "static/*", "drawing/*.py", "wording.py", "ansi.py")
FLOW = '''
import random
import sys
import time

from metaflow import FlowSpec, Parameter, card, catch, current, retry, step
from metaflow.cards import Markdown


class LettersFlow(FlowSpec):
    """Fits a model for each letter, and keeps the best."""

    letters = Parameter("letters", default=18)
    rate = Parameter("rate", default=0.1)
    fails = Parameter("fails", default=False)

    @step
    def start(self):
        """Lists the letters."""
        self.items = [chr(97 + number) for number in range(self.letters)]
        self.next(self.fit, foreach="items")

    @retry(times=1, minutes_between_retries=0)
    @step
    def fit(self):
        """Fits one model."""
        chance = random.Random(f"{self.input}{self.rate}")
        for epoch in range(30):
            print(f"epoch {epoch:2}: loss {1 / (1 + epoch * chance.random()):.4f}")
        time.sleep(0.05 + 0.25 * chance.random())
        if self.fails and self.input == "k":
            print("\\x1b[31mthe loss is not a number\\x1b[0m", file=sys.stderr)
            raise ValueError("no convergence for 'k' after 30 epochs")
        if self.input == "d" and current.retry_count == 0:
            raise ConnectionError("the first attempt of 'd' lost its connection")
        self.score = 0.8 + 0.2 * chance.random()
        self.next(self.choose)

    @step
    def choose(self, inputs):
        """Keeps the best model."""
        self.best = max(each.score for each in inputs)
        current.metric("score", self.best)
        self.next(self.report, self.upload)

    @card(type="blank")
    @step
    def report(self):
        current.card.append(Markdown(f"# The best score is {self.best:.3f}"))
        self.next(self.collect)

    @catch(var="failure")
    @step
    def upload(self):
        time.sleep(0.3)
        raise TimeoutError("the registry does not answer")
        self.next(self.collect)

    @step
    def collect(self, inputs):
        self.merge_artifacts(inputs, exclude=["failure"])
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    LettersFlow()
'''
RUNS = (
    (),
    ("--rate", "0.2"),
    ("--rate", "0.3", "--letters", "12"),
    ("--rate", "0.4"),
    ("--fails", "true"),
    ("--rate", "0.5"),
)


def digest() -> str:
    """Return the digest of everything that the look of the page depends on."""
    found = hashlib.sha256()
    for file in [*_shown(), Path(__file__).resolve()]:
        found.update(f"{file.relative_to(ROOT).as_posix()}\n".encode())
        found.update(file.read_bytes())
    return found.hexdigest()


def _shown() -> Iterator[Path]:
    ui = ROOT / "compiler" / "flowc" / "ui"
    for pattern in SHOWN:
        yield from sorted(file for file in ui.glob(pattern) if file.is_file())


def take() -> None:
    """Run the flow a few times, and write the screenshots of its pages."""
    from tools.chromium import Browser

    PLACE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        (place / "letters.py").write_text(FLOW, encoding="utf-8")
        environment = os.environ | {"METAFLOW_USER": "ada", "HOME": name, "FLOWC_STORE": f"{name}/store"}
        flowc = [sys.executable, "-m", "flowc"]
        for words in RUNS:
            subprocess.run([*flowc, "run", "letters.py", *words], cwd=place, env=environment, capture_output=True)
        runs = json.loads(
            subprocess.run([*flowc, "runs", "--json"], cwd=place, env=environment, capture_output=True).stdout
        )
        failed = next(run["pathspec"] for run in runs if run["state"] == "failed")
        good = next(run["pathspec"] for run in runs if run["state"] == "succeeded")
        server = subprocess.Popen(
            [*flowc, "ui", "--no-open", "--port", "0"], cwd=place, env=environment, stderr=subprocess.PIPE, text=True
        )
        browser = Browser(place / "browser")
        try:
            assert server.stderr is not None
            url = server.stderr.readline().split()[-1]
            for file, path, dark, width in (
                ("runs", "", False, 1280),
                ("run", f"run/{good}", False, 1280),
                ("run-dark", f"run/{failed}", True, 1280),
                ("task", f"run/{failed}/fit/0.10", False, 1280),
                ("phone", f"run/{good}", False, 375),
            ):
                page = browser.open(url + path, dark=dark, width=width, height=800)
                page.screenshot(PLACE / f"{file}.png")
                page.close()
        finally:
            browser.close()
            server.terminate()
            server.communicate()
    DIGEST.write_text(json.dumps({"digest": digest()}) + "\n", encoding="utf-8")


if __name__ == "__main__":
    take()
