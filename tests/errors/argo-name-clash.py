from metaflow import FlowSpec, step


class Demo(FlowSpec):
    @step
    def start(self):
        self.next(self.clean_and_check_the_measurements_of_day_199577)

    @step
    def clean_and_check_the_measurements_of_day_199577(self):
        self.next(self.clean_and_check_the_measurements_of_day_202544)

    @step
    def clean_and_check_the_measurements_of_day_202544(self):
        self.next(self.end)

    @step
    def end(self):
        pass
