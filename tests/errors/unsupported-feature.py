import metaflow
from metaflow import FlowSpec, Parameter, card, step
from metaflow.cards import Markdown

try:
    from metaflow import S3
except ImportError:
    S3 = None


@metaflow.project(name="demo")
class Demo(FlowSpec):
    @card
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
