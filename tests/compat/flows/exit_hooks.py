"""Functions that are called when a run has ended."""

from metaflow import FlowSpec, Parameter, exit_hook, step


def went_well():
    print("HOOK went well")


def went_badly(run):
    print("HOOK went badly", run.successful if run else run)


@exit_hook(on_success=[went_well], on_error=[went_badly])
class ExitHooks(FlowSpec):
    fail = Parameter("fail", default=False)

    @step
    def start(self):
        if self.fail:
            raise ValueError("as asked")
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ExitHooks()
