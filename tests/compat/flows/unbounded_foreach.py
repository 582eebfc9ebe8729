"""A foreach whose number of items is unknown before the run; it has a control task and one task per item."""

from metaflow import FlowSpec, Run, Task, current, namespace, step, unbounded_test_foreach_internal
from metaflow.plugins import InternalTestUnboundedForeachInput


class UnboundedForeach(FlowSpec):
    @step
    def start(self):
        self.kept = "from before"
        self._items = InternalTestUnboundedForeachInput(["a", "b", "c"])
        self.next(self.each, foreach="_items")

    @unbounded_test_foreach_internal
    @step
    def each(self):
        self.got = self.input.upper()
        self.where = self.index, self.foreach_stack()
        self.next(self.join)

    @step
    def join(self, inputs):
        self.got = [each.got for each in inputs]
        assert [each.where for each in inputs] == [(n, [(n, None, "abc"[n])]) for n in range(3)]
        self.next(self.end)

    @step
    def end(self):
        assert self.got == ["A", "B", "C"]
        namespace(None)
        each = Run(f"{current.flow_name}/{current.run_id}")["each"]
        (control,) = each.control_tasks()
        assert each.control_task.id == control.id
        assert len(list(each)) == len(list(each.tasks())) == 4
        assert control.id in [task.id for task in each]
        assert control.successful and control.finished and control.exception is None
        assert control.metadata_dict["internal_task_type"] == "control_task"
        assert [("got" in task) for task in each].count(False) == 1 and "got" not in control
        assert control["kept"].data == "from before" and control.data.kept == "from before"
        (start,) = control.parent_tasks
        (join,) = control.child_tasks
        assert (start.parent.id, join.parent.id) == ("start", "join")
        assert sorted(task.id for task in start.child_tasks) == sorted(task.id for task in each)
        assert sorted(task.id for task in join.parent_tasks) == sorted(task.id for task in each)
        assert Task(control.pathspec) == control or Task(control.pathspec).id == control.id
        assert all(step.control_task is None for step in each.parent if step.id != "each")


if __name__ == "__main__":
    UnboundedForeach()
