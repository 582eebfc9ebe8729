"""A project: the branch of a run, with `--branch` and `--production`."""

import json

from metaflow import FlowSpec, JSONType, Parameter, current, project, step


def flow_name(context):
    return f"{current.flow_name} of {current.project_flow_name}"


@project(name="fruit")
class ProjectBranches(FlowSpec):
    branch_expected = Parameter("branch-expected", default="user.me")
    production_expected = Parameter("production-expected", default=False)
    production = Parameter("production-seen", default=lambda context: current.is_production, type=bool)
    table = Parameter("table", default=lambda context: f"{current.project_name}_{current.branch_name}", type=str)
    told = Parameter("told", default=flow_name, type=str)
    data = Parameter("data", default=lambda context: json.dumps({"mine": current.is_user_branch}), type=JSONType)
    running = Parameter("running", default=lambda context: current.run_id or "none yet", type=str)

    @step
    def start(self):
        assert current.project_name == "fruit"
        assert current.branch_name == self.branch_expected, current.branch_name
        assert current.is_production is self.production_expected
        assert current.project_flow_name == f"fruit.{self.branch_expected}.ProjectBranches"
        assert self.production is self.production_expected
        assert self.table == f"fruit_{self.branch_expected}", self.table
        assert self.told == f"ProjectBranches of {current.project_flow_name}", self.told
        assert self.data == {"mine": self.branch_expected == "user.me"}, self.data
        assert self.running == "none yet"
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ProjectBranches()
