"""metaflow-card"""

from support import pages

from metaflow import FlowSpec, card, step


class CardHello(FlowSpec):
    @card(type="helloworld", options={"attribute": "html"})
    @step
    def start(self):
        self.html = "<b>hello</b>"
        self.next(self.end)

    @step
    def end(self):
        self.seen = {kind: "hello" in page for kind, page in pages(self, "start").items()}


if __name__ == "__main__":
    CardHello()
