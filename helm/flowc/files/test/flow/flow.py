"""What `helm test` runs: values cross from pod to pod through the store, and a count through Argo."""

from metaflow import FlowSpec, step


class FlowcChartTest(FlowSpec):
    @step
    def start(self):
        self.names = ["Argo", "the store"]
        self.next(self.greet, foreach="names")

    @step
    def greet(self):
        self.greeting = f"Hello, {self.input}!"
        self.next(self.end)

    @step
    def end(self, inputs):
        for task in inputs:
            print(task.greeting)
