"""The values of `current`."""

import os

from metaflow import FlowSpec, Parameter, current, project, retry, step

assert not current.is_running_flow


@project(name="some_project")
class CurrentValues(FlowSpec):
    alpha = Parameter("alpha", default=1)

    @retry(times=1, minutes_between_retries=0)
    @step
    def start(self):
        assert current.is_running_flow
        assert current.flow_name == "CurrentValues"
        assert current.step_name == "start"
        assert current.pathspec == f"CurrentValues/{current.run_id}/start/{current.task_id}"
        assert current.namespace == "user:me", current.namespace
        assert current.username == "me"
        assert current.parameter_names == ["alpha"], current.parameter_names
        assert current.project_name == "some_project"
        assert current.branch_name == "user.me", current.branch_name
        assert current.is_user_branch
        assert not current.is_production
        assert current.project_flow_name == "some_project.user.me.CurrentValues", current.project_flow_name
        assert current.tags == {"given"}
        assert current.origin_run_id is None
        assert os.path.isdir(current.tempdir) if current.tempdir else True
        assert current.get("nothing", 5) == 5
        assert current.get("step_name") == "start"
        assert "run_id" in current
        if current.retry_count == 0:
            raise RuntimeError("once")
        self.next(self.end)

    @step
    def end(self):
        assert current.retry_count == 0
        assert current.step_name == "end"


if __name__ == "__main__":
    CurrentValues()
