from metaflow import FlowSpec, step


class Demo(FlowSpec):
    @step
    def start(self):
        self.more = False
        self.next({True: self.start, False: self.end}, condition="more")

    @step
    def end(self):
        pass
