"""Imports of names that flowc does not support; the flow never uses these names."""

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
