from metaflow import FlowSpec, step, trigger, trigger_on_finish


@trigger(event="a", events=["b"])
@trigger_on_finish
class Demo(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
