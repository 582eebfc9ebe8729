from metaflow import FlowSpec, schedule, step


@schedule(cron=["0 25 * * *", "0 0 6 * * MON", "0 6 * * MONDAY"])
class Demo(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
