"""`merge_artifacts`: equal values are copied, different values are an error; the arguments `include` and `exclude`."""

from metaflow import FlowSpec, step
from metaflow.exception import (
    MetaflowException,
    MissingInMergeArtifactsException,
    UnhandledInMergeArtifactsException,
)


class MergeArtifacts(FlowSpec):
    @step
    def start(self):
        self.common = 5
        self.changed = 1
        self.next(self.a, self.b)

    @step
    def a(self):
        self.x = 1
        self.y = 3
        self.from_a = 6
        self.changed = 2
        self.next(self.join)

    @step
    def b(self):
        self.x = 2
        self.y = 4
        self.next(self.join)

    @step
    def join(self, inputs):
        try:
            self.merge_artifacts(inputs)
        except UnhandledInMergeArtifactsException as error:
            assert sorted(error.artifact_names) == ["changed", "x", "y"], error.artifact_names
        else:
            raise AssertionError("a conflict was not told")
        assert not hasattr(self, "common")
        self.x = inputs.a.x
        try:
            self.merge_artifacts(inputs, include=["x", "nowhere"])
        except MissingInMergeArtifactsException as error:
            assert error.artifact_names == ["nowhere"], error.artifact_names
        else:
            raise AssertionError("a missing artifact was not told")
        try:
            self.merge_artifacts(inputs, include=["common"], exclude=["x"])
        except MetaflowException:
            pass
        else:
            raise AssertionError("include and exclude together")
        self.merge_artifacts(inputs, exclude=["y", "changed"])
        assert (self.x, self.common, self.from_a) == (1, 5, 6)
        assert not hasattr(self, "y")
        self.next(self.end)

    @step
    def end(self):
        try:
            self.merge_artifacts([])
        except MetaflowException:
            pass
        else:
            raise AssertionError("merge_artifacts outside of a join")


if __name__ == "__main__":
    MergeArtifacts()
