"""Artifacts named like a step, the next step, and a method of the class."""

from metaflow import FlowSpec, step


class ArtifactNamedLikeStep(FlowSpec):
    @step
    def start(self):
        self.next(self.chart)

    @step
    def chart(self):
        self.chart = "drawn"
        self.helper = self.helper()
        self.end = [1]
        del self.end
        self.next(self.end)

    def helper(self):
        return 2

    @step
    def end(self):
        self.again = self.helper() if callable(self.helper) else None
        self.end = True


if __name__ == "__main__":
    ArtifactNamedLikeStep()
