from metaflow import FlowSpec, step


class Demo(FlowSpec):
    @step
    async def start(self):
        self.next(self.each)

    @step
    def each(self):
        yield 1
        self.next(self.end)

    @step
    def end(self):
        pass
