from metaflow import FlowSpec, retry, schedule, step


@retry(times=3)
class Demo(FlowSpec):
    @schedule(daily=True)
    @step
    def start(self):
        self.next(self.end)

    @retry
    def helper(self):
        return 1

    @step
    def end(self):
        pass
