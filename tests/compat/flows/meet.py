"""Tasks of a foreach that wait for each other: by default, enough of them run at the same time."""

import os
import tempfile
import time

from metaflow import FlowSpec, current, step


class Meet(FlowSpec):
    @step
    def start(self):
        self.items = list(range(5))
        self.next(self.wait, foreach="items")

    @step
    def wait(self):
        place = os.path.join(tempfile.gettempdir(), f"meet-{current.run_id}")
        os.makedirs(place, exist_ok=True)
        open(os.path.join(place, str(self.input)), "w").close()
        until = time.monotonic() + 30
        while len(os.listdir(place)) < 5:
            assert time.monotonic() < until, "the others never came"
            time.sleep(0.1)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Meet()
