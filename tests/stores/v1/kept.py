"""A flow that leaves one of each thing that a store holds. It never changes: `@cache` counts its text."""

import os

from flowc.steps import cache
from metaflow import Config, FlowSpec, Parameter, card, catch, current, project, retry, step
from metaflow.cards import Markdown


@project(name="kept")
class Kept(FlowSpec):
    unit = "m"
    size = Parameter("size", default=3)
    settings = Config("settings", default_value={"rate": 2})

    @step
    def start(self):
        self.items = list(range(self.size))
        self.large = bytes(range(256)) * 8
        self.next(self.work, foreach="items")

    @retry(times=1, minutes_between_retries=0)
    @step
    def work(self):
        print("item", self.input)
        if self.input == 1 and current.retry_count == 0:
            raise ValueError("the first attempt fails")
        self.square = self.input**2 * self.settings.rate
        self.next(self.join)

    @step
    def join(self, inputs):
        self.merge_artifacts(inputs, include=["large"])
        self.total = sum(task.square for task in inputs)
        self.rounds = 0
        self.next(self.turn)

    @step
    def turn(self):
        self.rounds += 1
        self.way = "on" if self.rounds == 2 else "again"
        self.next({"again": self.turn, "on": self.risky}, condition="way")

    @catch(var="failure", print_exception=False)
    @step
    def risky(self):
        raise RuntimeError("caught")
        self.next(self.costly)

    @cache
    @step
    def costly(self):
        self.answer = self.total + len(self.large)
        self.next(self.end)

    @card(type="blank")
    @step
    def end(self):
        if os.environ.get("KEPT_FAILS"):
            raise ValueError("the run fails")
        current.card.append(Markdown(f"The answer is {self.answer}."))


if __name__ == "__main__":
    Kept()
