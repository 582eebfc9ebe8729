"""A switch in a branch of another switch; all branches lead to one step."""

from metaflow import FlowSpec, Parameter, step


class SwitchNested(FlowSpec):
    number = Parameter("number", default=7)

    @step
    def start(self):
        self.sign = "negative" if self.number < 0 else "positive"
        self.next({"negative": self.negative, "positive": self.positive}, condition="sign")

    @step
    def positive(self):
        self.size = "large" if self.number > 100 else "small"
        self.next({"large": self.large, "small": self.small}, condition="size")

    @step
    def large(self):
        self.words = ["large"]
        self.next(self.positives)

    @step
    def small(self):
        self.words = ["small"]
        self.next(self.positives)

    @step
    def positives(self):
        self.words = [*self.words, "positive"]
        self.next(self.meet)

    @step
    def negative(self):
        self.words = ["negative"]
        self.next(self.meet)

    @step
    def meet(self):
        self.next(self.end)

    @step
    def end(self):
        expected = ["negative"] if self.number < 0 else ["large" if self.number > 100 else "small", "positive"]
        assert self.words == expected


if __name__ == "__main__":
    SwitchNested()
