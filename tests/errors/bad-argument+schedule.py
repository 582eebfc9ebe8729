from metaflow import FlowSpec, schedule, step

@schedule(cron=5)
class Demo(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
