"""User-written decorators that wrap steps, and mutators that change steps and flows before the run."""

from metaflow import (
    FlowMutator,
    FlowSpec,
    StepMutator,
    UserStepDecorator,
    current,
    step,
    user_step_decorator,
)


@user_step_decorator
def noted(step_name, flow, inputs=None, attributes=None):
    flow.notes = [*getattr(flow, "notes", []), f"before {step_name} {dict(attributes or {})}"]
    yield
    flow.notes = [*flow.notes, f"after {step_name}"]


@user_step_decorator
def saves(step_name, flow, inputs=None, attributes=None):
    try:
        yield
    except ValueError as error:
        flow.saved = str(error)


class Counted(UserStepDecorator):
    def init(self, *args, **kwargs):
        self.by = kwargs.get("by", 1)

    def pre_step(self, step_name, flow, inputs=None):
        flow.counter = getattr(flow, "counter", 0) + self.by

    def post_step(self, step_name, flow, exception=None):
        flow.finished = step_name
        if exception is not None:
            raise exception


class Retrying(StepMutator):
    def init(self, *args, **kwargs):
        self.times = kwargs.get("times", 1)

    def mutate(self, mutable_step):
        mutable_step.add_decorator("retry", deco_kwargs={"times": self.times, "minutes_between_retries": 0})


class WithEnvironment(FlowMutator):
    def mutate(self, mutable_flow):
        for name, mutable_step in mutable_flow.steps:
            if name == "end":
                mutable_step.add_decorator("environment", deco_kwargs={"vars": {"FROM_MUTATOR": "yes"}})


@WithEnvironment
class UserDecorators(FlowSpec):
    @noted(why="test")
    @step
    def start(self):
        self.next(self.middle)

    @Counted(by=2)
    @Counted
    @noted
    @step
    def middle(self):
        self.next(self.flaky)

    @Retrying(times=2)
    @step
    def flaky(self):
        if current.retry_count < 2:
            raise RuntimeError("again")
        self.next(self.broken)

    @saves
    @step
    def broken(self):
        self.broken_ran = True
        self.fails()
        self.next(self.end)

    def fails(self):
        raise ValueError("was saved")

    @step
    def end(self):
        import os

        assert os.environ["FROM_MUTATOR"] == "yes"
        assert self.notes == ["before start {'why': 'test'}", "after start", "before middle {}", "after middle"], (
            self.notes
        )
        assert self.counter == 3, self.counter
        assert self.saved == "was saved"


if __name__ == "__main__":
    UserDecorators()
