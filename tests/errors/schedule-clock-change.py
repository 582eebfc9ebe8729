from metaflow import FlowSpec, schedule, step


@schedule(cron="0 0 * * *", timezone="Africa/Cairo")
class Midnight(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
