from metaflow import FlowSpec, pypi, step


class Demo(FlowSpec):
    @pypi(packages={"pandas": "2.2.3"})
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
