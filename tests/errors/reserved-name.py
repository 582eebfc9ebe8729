from metaflow import FlowSpec, Parameter, catch, step


class Demo(FlowSpec):
    @step
    def start(self):
        self.input = 3
        self.next(self.index)

    @step
    def index(self):
        self.end = True  # a step, which it may hide
        self.limit = 2
        self.next(self.end)

    @catch(var="input")
    @step
    def end(self):
        pass

    limit = 1
    tag = Parameter("tag")
    merge = Parameter("merge_artifacts")  # only an option of the command line
    merge_artifacts = Parameter("merging")
