"""metaflow-magicdir"""

from metaflow_magicdir import magicdir

from metaflow import FlowSpec, step


class Carried(FlowSpec):
    @magicdir(dir="carried")
    @step
    def start(self):
        with open("carried/file.txt", "w") as file:
            file.write("hello")
        self.next(self.end)

    @magicdir(dir="carried")
    @step
    def end(self):
        with open("carried/file.txt") as file:
            self.seen = file.read()


if __name__ == "__main__":
    Carried()
