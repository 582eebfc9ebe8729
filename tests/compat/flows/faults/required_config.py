"""A required configuration without a value."""

from metaflow import Config, FlowSpec, step


class Faulty(FlowSpec):
    settings = Config("settings", required=True)

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Faulty()
