"""metaflow-pyspy py-spy"""

import time

from metaflow import FlowSpec, Task, current, namespace, pyspy, step


class Spied(FlowSpec):
    @pyspy(interval=1, timeout=5)
    @step
    def start(self):
        time.sleep(2)
        self.task = current.pathspec
        self.next(self.end)

    @step
    def end(self):
        namespace(None)
        self.seen = sorted(name for name in Task(self.task).metadata_dict if "pyspy" in name)


if __name__ == "__main__":
    Spied()
