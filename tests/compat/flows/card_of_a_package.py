"""A card of a package that is not installed is left out; the flow runs."""

from metaflow import FlowSpec, card, current, step
from metaflow.cards import Markdown


class CardOfAPackage(FlowSpec):
    @card(type="scatter3d", id="cloud")
    @card(id="page")
    @step
    def start(self):
        current.card["page"].append(Markdown("# Seen"))
        self.points = [1, 2, 3]
        self.next(self.end)

    @card(type="uplot")
    @step
    def end(self):
        assert self.points == [1, 2, 3]


if __name__ == "__main__":
    CardOfAPackage()
