"""`parallel_map`, which starts its own processes."""

from metaflow import FlowSpec, parallel_map, profile, step


class ParallelMap(FlowSpec):
    @step
    def start(self):
        offset = 10
        self.squares = parallel_map(lambda x: x * x + offset, range(5))
        timings = {}
        with profile("block", stats_dict=timings):
            sum(range(1000))
        assert timings["block"] >= 0
        self.next(self.end)

    @step
    def end(self):
        assert self.squares == [10, 11, 14, 19, 26], self.squares


if __name__ == "__main__":
    ParallelMap()
