"""Wrong use of cards is reported and does not harm the steps."""

from metaflow import FlowSpec, card, current, step
from metaflow.cards import Image, Markdown, MetaflowCardComponent, Table, ValueBox, VegaChart


class Broken(MetaflowCardComponent):
    def render(self):
        raise RuntimeError("no luck")


class CardsUsedWrongly(FlowSpec):
    @card
    @step
    def start(self):
        for what in ("a text", 5, None, Markdown):
            current.card.append(what)
        current.card["nowhere"].append(Markdown("nobody sees this"))
        current.card["nowhere"].extend([Markdown("nor this")])
        current.card.extend([Broken(), Image(b"no picture"), Image.from_matplotlib(5), Image.from_pil_image(5)])
        current.card.extend([Table(5), Table.from_dataframe(5), ValueBox("a", 1, theme="loud"), VegaChart("bar")])
        current.card.refresh({"not": object()})
        self.here = "went on"
        self.next(self.several)

    @card(type="blank")
    @card(type="blank")
    @step
    def several(self):
        current.card.append(Markdown("which?"))
        current.card.extend([Markdown("which?")])
        current.card.clear()
        current.card.refresh()
        self.here = "went on again"
        self.next(self.end)

    @card(type="test_error_card")
    @card(type="test_timeout_card", timeout=1, options={"timeout": 20})
    @card(type="test_mock_card", options={"key": "no_such_artifact"})
    @step
    def end(self):
        self.here = "and to the end"


if __name__ == "__main__":
    CardsUsedWrongly()
