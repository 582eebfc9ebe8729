"""Task ids are unique in a run and valid in file names; if two branches store their ids, the join has a conflict."""

from metaflow import FlowSpec, Task, current, step
from metaflow.exception import UnhandledInMergeArtifactsException


class TaskIds(FlowSpec):
    @step
    def start(self):
        self.note()
        self.next(self.left, self.right)

    @step
    def left(self):
        self.note()
        self.items = [1, 2]
        self.next(self.work, foreach="items")

    @step
    def work(self):
        self.note()
        self.next(self.gather)

    @step
    def gather(self, inputs):
        self.note()
        self.next(self.join)

    @step
    def right(self):
        self.note()
        self.next(self.join)

    @step
    def join(self, inputs):
        assert inputs[0].tid != inputs[1].tid
        try:
            self.merge_artifacts(inputs, include=["tid"])
        except UnhandledInMergeArtifactsException:
            self.note()
        self.next(self.end)

    @step
    def end(self):
        before = [task for each in current.run for task in each if each.id != "end"]
        assert len({task.id for task in before}) == len(before) == 7
        for task in before:
            assert isinstance(task.id, str)
            assert Task(f"{current.flow_name}/{current.run_id}/{task.parent.id}/{task.id}").data.tid == task.id

    def note(self):
        self.tid = current.task_id
        with open(f"ids-{current.run_id}-{current.task_id}", "x") as file:
            file.write(current.pathspec)


if __name__ == "__main__":
    TaskIds()
