from metaflow import FlowSpec, schedule, step


@schedule(cron=["0 0 30 2 *", "0 6 * * MON", ", * * * *"])
class Never(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
