import metaflow
from metaflow import FlowSpec, Parameter, R, package_sources, step, step_functions
from metaflow.plugins.aws.batch import batch_decorator
from metaflow.plugins.airflow.sensors import S3KeySensor

try:
    from metaflow import deepspeed
except ImportError:
    deepspeed = None


@metaflow.app_deploy(name="demo")
class Demo(FlowSpec):
    @step
    def start(self):
        self.client = step_functions("s3")
        self.next(self.end)

    @step
    def end(self):
        pass
