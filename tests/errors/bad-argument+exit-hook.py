from metaflow import FlowSpec, exit_hook, step


def notify(run, channel):
    print(run, channel)


def shout():
    print("!")


@exit_hook(on_success=[notify, lambda run: None], on_error=["shut", "shout"])
@exit_hook(on_success=shout)
@exit_hook()
class Demo(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
