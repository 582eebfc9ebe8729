"""A step that stores many small artifacts, and a step that reads them."""

from metaflow import FlowSpec, step

COUNT = 10_000


class SmallBench(FlowSpec):
    @step
    def start(self) -> None:
        for number in range(COUNT):
            setattr(self, f"text{number}", f"{number:06d}" * 200)
        self.next(self.end)

    @step
    def end(self) -> None:
        assert sum(len(getattr(self, f"text{number}")) for number in range(COUNT)) == COUNT * 1200


if __name__ == "__main__":
    SmallBench()
