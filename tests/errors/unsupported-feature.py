import metaflow
from metaflow import FlowSpec, Parameter, batch, step
from metaflow.cards import Markdown

try:
    from metaflow import S3
except ImportError:
    S3 = None


@metaflow.step_functions
class Demo(FlowSpec):
    @batch
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
