from metaflow import FlowSpec, step


namespace = {"step": step}
exec("@step\ndef made(self): self.next(self.end)", namespace)


class Demo(FlowSpec):
    @step
    def start(self):
        self.next(self.made)

    @step
    def end(self):
        pass

    made = namespace['made']
