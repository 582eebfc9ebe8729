from metaflow import FlowSpec, kubernetes, resources, secrets, step


class Demo(FlowSpec):
    @kubernetes(image="train:2", node_selector={"disk": "ssd"})
    @resources(cpu=2, memory=4096, shared_memory=64)
    @secrets(sources=[{"type": "kubernetes", "id": "tokens"}])
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
