"""metaflow-traincard"""

import tempfile

from metaflow_traincard import Reporter
from support import pages

from metaflow import FlowSpec, card, step


class Trained(FlowSpec):
    @card(type="traincard")
    @step
    def start(self):
        reporter = Reporter(output_dir=tempfile.mkdtemp(), rank=0, world_size=1)
        for number in range(3):
            reporter.metric("loss", 1 / (number + 1), number)
        reporter.finish()
        self.traincard_state = reporter.get_state()
        self.next(self.end)

    @step
    def end(self):
        cards = {kind: "loss" in page for kind, page in pages(self, "start").items()}
        self.seen = sorted(self.traincard_state), cards


if __name__ == "__main__":
    Trained()
