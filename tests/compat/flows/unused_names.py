"""Imported names of back ends and of Metaflow that the flow does not use."""

from metaflow import FlowSpec, R, airflow_s3_key_sensor, batch, package_sources, pytorch_parallel, step  # noqa: F401


class UnusedNames(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        self.done = True


if __name__ == "__main__":
    UnusedNames()
