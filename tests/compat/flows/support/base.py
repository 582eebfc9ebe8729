"""A base flow in a separate module."""

from metaflow import Config, FlowSpec, Parameter, retry, step, user_step_decorator


@user_step_decorator
def counted(step_name, flow, inputs=None, attributes=None):
    """Append the step's name to `counted_steps` before the step runs."""
    flow.counted_steps = [*getattr(flow, "counted_steps", []), step_name]
    yield


class Base(FlowSpec):
    """A base flow with a start and an end; derived flows add steps between them."""

    rate = Parameter("rate", default=0.5)
    base = Config("base", default_value={"from": "base"})

    @retry(times=1, minutes_between_retries=0)
    @counted
    @step
    def start(self):
        self.started = self.base["from"]
        self.next(self.work)

    @counted
    @step
    def end(self):
        self.finish()

    def finish(self):
        """Set the artifacts that the derived flow's last step checks."""
        raise NotImplementedError
