"""A disabled schedule, and user-written decorators whose post_step returns a pair."""

from metaflow import FlowSpec, UserStepDecorator, schedule, step, user_step_decorator


class Quiet(UserStepDecorator):
    def post_step(self, step_name, flow, exception=None):
        flow.raised = repr(exception)
        return None, False


@user_step_decorator
def calm(step_name, flow, inputs=None, attributes=None):
    try:
        yield
    except KeyError:
        flow.calmed = True
    return None, True


@schedule(daily=False)
class PostStepPairs(FlowSpec):
    @Quiet
    @step
    def start(self):
        self.next(self.fails)

    @Quiet
    @step
    def fails(self):
        raise ValueError("swallowed")
        self.next(self.calms)

    @calm
    @step
    def calms(self):
        raise KeyError("swallowed")
        self.next(self.end)

    @step
    def end(self):
        assert self.calmed


if __name__ == "__main__":
    PostStepPairs()
