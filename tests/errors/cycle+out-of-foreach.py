from metaflow import FlowSpec, step


class Demo(FlowSpec):
    @step
    def start(self):
        self.items = [1, 2]
        self.next(self.again)

    @step
    def again(self):
        self.next(self.work, foreach="items")

    @step
    def work(self):
        self.more = False
        self.next({True: self.again, False: self.join}, condition="more")

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass
