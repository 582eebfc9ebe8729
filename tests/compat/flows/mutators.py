"""Mutators read, add and remove a flow's steps and parameters before anything runs."""

import os

from metaflow import Config, FlowMutator, FlowSpec, Parameter, StepMutator, current, environment, retry, step


class Everywhere(FlowMutator):
    """Adds an environment variable to every step, and the parameters that a config lists."""

    def pre_mutate(self, mutable_flow):
        configs = dict(mutable_flow.configs)
        for name, default in configs["settings"].parameters.items():
            mutable_flow.add_parameter(name, Parameter(name, type=int, default=default))

    def mutate(self, mutable_flow):
        for name, mutable_step in mutable_flow.steps:
            mutable_step.add_decorator(environment, deco_kwargs={"vars": {"STEP": name.upper()}})


class NoRetry(StepMutator):
    """Takes away @retry."""

    def mutate(self, mutable_step):
        for spec in list(mutable_step.decorator_specs):
            if spec[0] == "retry":
                mutable_step.remove_decorator("retry")


@Everywhere
class Mutators(FlowSpec):
    settings = Config("settings", default_value={"parameters": {"height": 3, "width": 4}})

    @step
    def start(self):
        assert os.environ["STEP"] == "START"
        self.area = self.height * self.width
        self.next(self.once)

    @NoRetry
    @retry(times=3)
    @step
    def once(self):
        self.attempts = current.retry_count + 1
        self.next(self.end)

    @step
    def end(self):
        assert os.environ["STEP"] == "END"
        assert self.area == 12 and self.attempts == 1


if __name__ == "__main__":
    Mutators()
