from metaflow import FlowMutator, FlowSpec, step


class patient(FlowMutator):
    def mutate(self, mutable_flow):
        for _, mutable_step in mutable_flow.steps:
            mutable_step.add_decorator("rerty", deco_kwargs={"times": 3})


@patient
class Clinic(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
