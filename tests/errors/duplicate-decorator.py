from metaflow import FlowSpec, retry, schedule, step


@schedule(daily=True)
@schedule(hourly=True)
class Demo(FlowSpec):
    @retry(times=1)
    @step
    @retry(times=2)
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
