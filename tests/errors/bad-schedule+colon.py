from metaflow import FlowSpec, schedule, step


@schedule(cron="@every 1x: y", timezone="a: b")
class ColonFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
