from metaflow import FlowSpec, Parameter, step, trigger


class Base(FlowSpec):
    depth = Parameter("depth", default=1)


@trigger(
    events=[
        {"name": "a", "parameters": {"depth": "d", "learning_rate": "rate"}},
        {"name": "b", "parameters": ["depht"]},
        {"name": "c", "parameters": {"zone": "z"}},
    ]
)
class Demo(Base):
    rate = Parameter("learning-rate", default=0.1)

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
