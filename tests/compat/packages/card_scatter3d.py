"""metaflow-card-scatter3d"""

from support import pages

from metaflow import FlowSpec, card, current, step


class CardScatter(FlowSpec):
    @card(type="scatter3d", id="points")
    @step
    def start(self):
        self.data = {"title": "two points", "points": [[0, 1, 2], [3, 4, 5]], "classes": [0, 0]}
        current.card["points"].refresh(self.data)
        self.next(self.end)

    @step
    def end(self):
        page = pages(self, "start")["scatter3d"]
        self.seen = "two points" in page, "[3, 4, 5]" in page


if __name__ == "__main__":
    CardScatter()
