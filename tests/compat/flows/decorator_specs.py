"""Mutators see all decorators with default values, also those of `--with`; adding a decorator again has no effect."""

from metaflow import FlowSpec, StepMutator, card, catch, current, environment, resources, retry, step, timeout

CARD = {"type": "default", "options": {}, "scope": "task", "rank": None, "timeout": 45, "id": None,
        "save_errors": True, "customize": False, "refresh_interval": 5}  # fmt: skip
WRITTEN = {
    "retry": {"times": "3", "minutes_between_retries": "2"},
    "catch": {"var": None, "print_exception": True},
    "timeout": {"seconds": 5, "minutes": 0, "hours": 0},
    "resources": {"cpu": "1", "gpu": None, "disk": None, "memory": "4096", "shared_memory": None},
    "environment": {"vars": {"A": "1"}},
    "card": CARD,
}


class check(StepMutator):
    def mutate(self, mutable_step):
        found = {name: attributes for name, _, _, attributes in mutable_step.decorator_specs if name != "check"}
        assert found == WRITTEN, found
        for name, attributes in found.items():
            mutable_step.add_decorator(name, deco_kwargs=attributes, duplicates=mutable_step.OVERRIDE)


class once(StepMutator):
    """Disables a retry that the command line adds."""

    def mutate(self, mutable_step):
        for name, _, _, attributes in mutable_step.decorator_specs:
            if name == "retry":
                assert attributes == {"times": 2, "minutes_between_retries": "2"}, attributes
                mutable_step.add_decorator(name, deco_kwargs={"times": 0}, duplicates=mutable_step.OVERRIDE)


class DecoratorSpecs(FlowSpec):
    @check
    @retry
    @catch
    @timeout(seconds=5)
    @resources
    @environment(vars={"A": "1"})
    @card
    @step
    def start(self):
        self.next(self.end)

    @once
    @step
    def end(self):
        if current.retry_count < 1:
            raise ValueError("once")


if __name__ == "__main__":
    DecoratorSpecs()
