from metaflow import FlowSpec, card, kubernetes, step


class Demo(FlowSpec):
    @kubernetes(memory="4Gi", gpu_vendor="intel", node_selector="disk", qos="best", port=0)
    @step
    def start(self):
        self.next(self.train)

    @kubernetes(
        tolerations=[{"keys": "gpu"}],
        labels={"team": 1},
        security_context={"run_as_user": "me"},
        image_pull_policy="Sometimes",
    )
    @step
    def train(self):
        self.next(self.end)

    @kubernetes(persistent_volume_claims={"data": "data"})
    @card(scope="run", options=["a"])
    @step
    def end(self):
        pass
