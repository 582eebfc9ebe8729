"""metaflow-contracts"""

from metaflow_contracts import ContractViolationError, contract

from metaflow import FlowSpec, step


class Contracted(FlowSpec):
    @step
    @contract(outputs={"label": str, "score": float})
    def start(self):
        self.label, self.score = "cat", 0.5
        self.next(self.end)

    @step
    @contract(inputs={"label": str}, outputs={"seen": list})
    def end(self):
        try:
            contract(outputs={"missing": int})(lambda flow: None)(self)
        except ContractViolationError as error:
            self.seen = [self.label, str(error).partition(":")[0]]


if __name__ == "__main__":
    Contracted()
