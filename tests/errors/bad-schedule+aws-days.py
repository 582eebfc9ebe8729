from metaflow import FlowSpec, schedule, step


@schedule(cron="0 10 ? * 2-6 *")
class Demo(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
