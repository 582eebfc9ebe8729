from metaflow import FlowSpec, schedule, step


@schedule(cron="0 6 1 * MON")
class Demo(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
