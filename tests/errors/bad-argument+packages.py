from metaflow import FlowSpec, conda, conda_base, pypi, pypi_base, step


@pypi
@conda_base(python="3.nine")
@pypi_base(packages={"pandas": 2})
@pypi_base(packages=["six"])
class Bad(FlowSpec):
    @pypi(packages={"--index-url": "1.0"}, python=3.11)
    @step
    def start(self):
        self.next(self.middle)

    @conda(libraries={"zlib": "1.3"}, python="3.12")
    @pypi(python="3.11", disabled="yes", channels=[])
    @pypi(packages={"six": "1.16.0"})
    @step
    def middle(self):
        self.next(self.end)

    @conda(python="3.12")
    @pypi(python="3.11")
    @step
    def end(self):
        pass
