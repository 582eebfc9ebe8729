"""A hundred small tasks and one that requires all of them, for Luigi with two workers."""

import luigi


class Square(luigi.Task):
    number = luigi.IntParameter()

    def output(self) -> luigi.LocalTarget:
        return luigi.LocalTarget(f"square-{self.number}")

    def run(self) -> None:
        with self.output().open("w") as file:
            file.write(str(self.number**2))


class Add(luigi.Task):
    def requires(self) -> list[Square]:
        return [Square(number) for number in range(100)]

    def output(self) -> luigi.LocalTarget:
        return luigi.LocalTarget("total")

    def run(self) -> None:
        total = 0
        for square in self.input():
            with square.open() as file:
                total += int(file.read())
        with self.output().open("w") as file:
            file.write(str(total))


if __name__ == "__main__":
    assert luigi.build([Add()], workers=2, local_scheduler=True, log_level="ERROR")
