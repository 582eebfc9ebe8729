from metaflow import FlowSpec, Parameter, schedule, step


@schedule(daily=True)
class Demo(FlowSpec):
    day = Parameter("day", required=True)

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
