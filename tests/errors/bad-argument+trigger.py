from metaflow import FlowSpec, step, trigger, trigger_on_finish


@trigger(events=["a", {"nam": "b"}, {"name": "c", "parameters": [1]}, {"name": "d", "fields": {}}, 5])
@trigger_on_finish(flows=["A", "a.B", {"project": "p"}, {"name": "C", "branch": "x"}, {"name": 3}, 4])
class Demo(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
