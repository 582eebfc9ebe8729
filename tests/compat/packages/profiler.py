"""metaflow-profiler psutil"""

from support import pages

from metaflow import FlowSpec, profile_card, step


class Profiled(FlowSpec):
    @profile_card(profiler="cprofile")
    @step
    def start(self):
        self.total = sum(number**2 for number in range(1000))
        self.next(self.end)

    @step
    def end(self):
        cards = {kind: "cprofile" in page.lower() for kind, page in pages(self, "start").items()}
        self.seen = cards, self.profile_card_data["step_failed"], sorted(self.profile_card_data)


if __name__ == "__main__":
    Profiled()
