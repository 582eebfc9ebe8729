"""An artifact selects one of several steps; all of them lead to the same next step."""

from metaflow import FlowSpec, Parameter, step


class SwitchSimple(FlowSpec):
    level = Parameter("level", default="high")

    @step
    def start(self):
        self.choice = self.level
        self.next({"high": self.high, "low": self.low, "none": self.meet}, condition="choice")

    @step
    def high(self):
        self.result = "did high"
        self.next(self.meet)

    @step
    def low(self):
        self.result = "did low"
        self.next(self.meet)

    @step
    def meet(self):
        self.final = getattr(self, "result", "nothing")
        self.next(self.end)

    @step
    def end(self):
        assert self.final == {"high": "did high", "low": "did low", "none": "nothing"}[self.level]


if __name__ == "__main__":
    SwitchSimple()
