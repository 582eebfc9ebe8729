from metaflow import FlowSpec, card, pypi, step
from metaflow.cards import MetaflowCard


class Short(MetaflowCard):
    type = "short"

    def render(self, task):
        return task.pathspec


class CardsFlow(FlowSpec):
    @card(type="blnk")
    @card(type="short")
    @step
    def start(self):
        self.next(self.middle)

    @card(type="of_its_packages")
    @pypi(packages={"cards-of-theirs": "1.0"})
    @step
    def middle(self):
        self.next(self.end)

    @card(id="report", type="ledgers")
    @step
    def end(self):
        pass


if __name__ == "__main__":
    CardsFlow()
