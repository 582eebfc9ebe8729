"""metaflow-pyinstrument metaflow-card-html pyinstrument"""

from metaflow_pyinstrument import pyinstrument_card
from support import pages

from metaflow import FlowSpec, step


class Instrumented(FlowSpec):
    @pyinstrument_card
    @step
    def start(self):
        self.total = sum(number**2 for number in range(1000))
        self.next(self.end)

    @step
    def end(self):
        cards = {kind: "pyinstrument" in page for kind, page in pages(self, "start").items()}
        self.seen = cards, "pyinstrument" in self.html


if __name__ == "__main__":
    Instrumented()
