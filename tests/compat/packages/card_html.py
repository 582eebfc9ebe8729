"""metaflow-card-html"""

from support import pages

from metaflow import FlowSpec, card, step


class CardHtml(FlowSpec):
    @card(type="html", options={"attribute": "text"})
    @step
    def start(self):
        self.text = "<p>five</p>"
        self.next(self.end)

    @step
    def end(self):
        self.seen = pages(self, "start")


if __name__ == "__main__":
    CardHtml()
