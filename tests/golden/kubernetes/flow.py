"""Everything that a step can say of its pods, and resources of which the larger one counts."""

from metaflow import FlowSpec, card, kubernetes, resources, step


class KubernetesFlow(FlowSpec):
    @kubernetes(
        image="registry.example/train:1.2",
        image_pull_policy="Always",
        image_pull_secrets=["pull"],
        service_account="trainer",
        cpu=2,
        memory=2048,
        disk=1024,
        gpu=1,
        gpu_vendor="amd",
        secrets=["database"],
        node_selector="disk=ssd,zone=a",
        tolerations=[{"key": "gpu", "operator": "Equal", "value": "yes", "effect": "NoSchedule"}],
        labels={"team": "blue"},
        annotations={"example.com/owner": "ann@example.com"},
        tmpfs_size=64,
        tmpfs_path="/fast",
        persistent_volume_claims={"data": "/data"},
        shared_memory=32,
        qos="Guaranteed",
        extended_resources={"example.com/dongle": "1"},
        security_context={"run_as_user": 2000, "run_as_group": 2000},
    )
    @resources(cpu="1.5", memory=8192)
    @step
    def start(self):
        self.next(self.plain)

    @card(type="blank", id="one", options={"title": "One"})
    @card
    @kubernetes
    @step
    def plain(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    KubernetesFlow()
