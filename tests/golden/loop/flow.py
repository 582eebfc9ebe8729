"""A step that leads back to itself, and a loop over two steps, until a switch leads out."""

from metaflow import FlowSpec, step


class LoopFlow(FlowSpec):
    @step
    def start(self):
        self.count = 0
        self.next(self.up)

    @step
    def up(self):
        self.count += 1
        self.more = self.count < 3
        self.next({True: self.up, False: self.down}, condition="more")

    @step
    def down(self):
        self.count -= 1
        self.next(self.check)

    @step
    def check(self):
        self.state = "above" if self.count > 0 else "zero"
        self.next({"above": self.down, "zero": self.end}, condition="state")

    @step
    def end(self):
        assert self.count == 0


if __name__ == "__main__":
    LoopFlow()
