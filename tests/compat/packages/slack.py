"""metaflow-slack-notifier requests"""

from metaflow import FlowSpec, catch, slack, step


class Slacked(FlowSpec):
    @catch(var="failure")
    @slack(token="none", channel="none")
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        self.seen = self.failure


if __name__ == "__main__":
    Slacked()
