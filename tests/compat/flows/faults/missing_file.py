"""An included file that does not exist."""

from metaflow import FlowSpec, IncludeFile, step


class Faulty(FlowSpec):
    text = IncludeFile("text", default="nowhere.txt")

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        print(self.text)


if __name__ == "__main__":
    Faulty()
