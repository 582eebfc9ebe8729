"""metaflow-card-hf-dataset setuptools<81"""

from support import pages

from metaflow import FlowSpec, huggingface_dataset, step


class CardDataset(FlowSpec):
    @huggingface_dataset(artifact_id="name")
    @step
    def start(self):
        self.name = "wikimedia/wikipedia"
        self.next(self.end)

    @step
    def end(self):
        self.seen = {kind: "wikimedia/wikipedia" in page for kind, page in pages(self, "start").items()}


if __name__ == "__main__":
    CardDataset()
