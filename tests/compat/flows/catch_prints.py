"""`@catch` prints the failure on the task's stdout; the failure is no longer an error of the run."""

from metaflow import FlowSpec, Step, catch, current, step


class CatchPrints(FlowSpec):
    @catch(var="why")
    @step
    def start(self):
        self.numerator = 1
        self.numerator / 0
        self.next(self.silent)

    @catch(var="why", print_exception=False)
    @step
    def silent(self):
        {}["missing"]
        self.next(self.end)

    @step
    def end(self):
        told = Step(f"{current.flow_name}/{current.run_id}/start").task
        assert "ZeroDivisionError" in told.stdout, told.stdout
        assert "ZeroDivisionError" not in told.stderr, told.stderr
        untold = Step(f"{current.flow_name}/{current.run_id}/silent").task
        assert "KeyError" not in untold.stdout + untold.stderr


if __name__ == "__main__":
    CatchPrints()
