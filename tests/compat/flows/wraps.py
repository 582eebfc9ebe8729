"""User-written decorators: one replaces its step's code, one skips its step, one runs before and after it."""

from metaflow import USER_SKIP_STEP, FlowSpec, UserStepDecorator, step, user_step_decorator


@user_step_decorator
def replaced(step_name, flow, inputs=None, attributes=None):
    def instead(flow, inputs=None):
        flow.by = "another function"
        flow.next(flow.skipped)

    yield instead


@user_step_decorator
def skips(step_name, flow, inputs=None, attributes=None):
    flow.left = "out"
    yield USER_SKIP_STEP


class Timed(UserStepDecorator):
    """A decorator with an argument, which records each step before and after its code."""

    def init(self, *args, **kwargs):
        self.name = kwargs["name"]

    def pre_step(self, step_name, flow, inputs=None):
        self.before = len(flow.log)

    def post_step(self, step_name, flow, exception=None):
        flow.log = [*flow.log, (self.name, step_name, self.before, exception is None)]


class Wraps(FlowSpec):
    @step
    def start(self):
        self.log = []
        self.next(self.replaced_step)

    @replaced
    @step
    def replaced_step(self):
        self.by = "its own code"
        self.next(self.skipped)

    @skips
    @step
    def skipped(self):
        raise AssertionError("this is never run")
        self.next(self.timed)

    @Timed(name="outer")
    @Timed(name="inner")
    @step
    def timed(self):
        self.next(self.end)

    @step
    def end(self):
        assert self.by == "another function", self.by
        assert self.left == "out"
        assert self.log == [("inner", "timed", 0, True), ("outer", "timed", 0, True)], self.log


if __name__ == "__main__":
    Wraps()
