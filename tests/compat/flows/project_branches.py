"""A project: whose branch a run is of, by `--branch` and `--production`."""

from metaflow import FlowSpec, Parameter, current, project, step


@project(name="fruit")
class ProjectBranches(FlowSpec):
    branch_expected = Parameter("branch-expected", default="user.me")
    production_expected = Parameter("production-expected", default=False)

    @step
    def start(self):
        assert current.project_name == "fruit"
        assert current.branch_name == self.branch_expected, current.branch_name
        assert current.is_production is self.production_expected
        assert current.project_flow_name == f"fruit.{self.branch_expected}.ProjectBranches"
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ProjectBranches()
