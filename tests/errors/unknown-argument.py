from metaflow import FlowSpec, resources, retry, step


class Demo(FlowSpec):
    @retry(tmies=2)
    @step
    def start(self):
        self.next(self.end)

    @resources(
        cpu=2,
        color="red",
    )
    @step
    def end(self):
        pass
