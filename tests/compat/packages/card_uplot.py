"""metaflow-card-uplot pandas numpy python-dateutil six pytz tzdata"""

from support import pages

from metaflow import FlowSpec, card, step


class CardUplot(FlowSpec):
    @card(type="uplot", options={"artifact": "series"})
    @step
    def start(self):
        import pandas

        index = pandas.date_range("2022-01-01", periods=3, freq="min")
        self.series = pandas.DataFrame({"first": [0.5, 0.25, 0.125]}, index=index)
        self.next(self.end)

    @step
    def end(self):
        self.seen = [text in pages(self, "start")["uplot"] for text in ("0.125", "first", "uPlot")]


if __name__ == "__main__":
    CardUplot()
