"""A flow of a project, with hooks at its end."""

from metaflow import FlowSpec, exit_hook, project, secrets, step


def celebrate(run):
    print("done:", run.pathspec)


def apologise():
    print("sorry")


@exit_hook(on_success=[celebrate], on_error=[apologise], options={"retries": 1})
@project(name="digits_demo", branch="bigger", production=True)
class TrainFlow(FlowSpec):
    @secrets(sources=[])
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    TrainFlow()
