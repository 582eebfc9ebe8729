"""metaflow-observability"""

from metaflow_extensions.observability.plugins.decorator import ObservabilityDecorator

from metaflow import FlowSpec, step
from metaflow.decorators import StepDecorator


class Observed(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        self.seen = issubclass(ObservabilityDecorator, StepDecorator)


if __name__ == "__main__":
    Observed()
