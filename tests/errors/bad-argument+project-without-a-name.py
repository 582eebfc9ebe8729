from metaflow import FlowSpec, project, step


@project(branch="a")
class Demo(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
