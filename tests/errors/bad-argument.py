from metaflow import FlowSpec, catch, environment, resources, retry, step, timeout


class Demo(FlowSpec):
    @retry(3)
    @step
    def start(self):
        self.next(self.train)

    @retry(times="three", minutes_between_retries=-1)
    @timeout(minutes=0)
    @step
    def train(self):
        self.next(self.test)

    @catch(var="not a name", print_exception=None)
    @environment(vars={"DEBUG": None})
    @step
    def test(self):
        self.next(self.end)

    @resources(cpu="two", memory=1.5, gpu=-1)
    @step
    def end(self):
        pass
