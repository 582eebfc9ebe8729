from metaflow import FlowSpec, project, step


@project(name="My Project", branch="a-b")
class Demo(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
