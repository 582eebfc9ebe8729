"""`merge_artifacts` ignores that a branch reads a value; a value that a branch changes in place is a conflict."""

import datetime

from metaflow import FlowSpec, step
from metaflow.exception import UnhandledInMergeArtifactsException


class MergeRead(FlowSpec):
    @step
    def start(self):
        self.table = {"rows": [1, 2, 3], "when": datetime.date(2024, 1, 1), "name": "name"}
        self.texts = ["".join(["a", "b"]), "ab"]
        self.changed = [1]
        self.items = [0, 1]
        self.next(self.work, foreach="items")

    @step
    def work(self):
        if self.input == 0:
            self.seen = (len(self.table["rows"]), list(self.texts))
            self.changed.append(2)
        self.next(self.join)

    @step
    def join(self, inputs):
        try:
            self.merge_artifacts(inputs, exclude=["seen"])
        except UnhandledInMergeArtifactsException as error:
            assert error.artifact_names == ["changed"], error.artifact_names
        else:
            raise AssertionError("the change was not told")
        self.merge_artifacts(inputs, exclude=["seen", "changed"])
        self.next(self.end)

    @step
    def end(self):
        assert self.table["rows"] == [1, 2, 3]


if __name__ == "__main__":
    MergeRead()
