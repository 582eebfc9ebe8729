from metaflow import FlowSpec, StepMutator, step


class patient(StepMutator):
    def mutate(self, mutable_step):
        mutable_step.add_decorator("retry", deco_kwargs={"tims": 3})


class Clinic(FlowSpec):
    @patient
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
