"""metaflow-checkpoint"""

import os

from metaflow import FlowSpec, checkpoint, current, model, retry, step


class Checkpointed(FlowSpec):
    @retry(times=1, minutes_between_retries=0)
    @checkpoint(load_policy="eager")
    @step
    def start(self):
        count = 0
        if current.checkpoint.is_loaded:
            with open(os.path.join(current.checkpoint.directory, "count")) as file:
                count = int(file.read())
        while count < 4:
            count += 1
            with open(os.path.join(current.checkpoint.directory, "count"), "w") as file:
                file.write(str(count))
            current.checkpoint.save()
            if count == 2 and current.retry_count == 0:
                raise RuntimeError("the first attempt is lost")
        self.counted = count, current.retry_count, current.checkpoint.is_loaded
        self.next(self.end)

    @model
    @step
    def end(self):
        os.makedirs("weights", exist_ok=True)
        with open("weights/w", "w") as file:
            file.write("w")
        kept = current.model.save("weights", label="weights")
        loaded = current.model.load(kept)
        self.seen = self.counted, os.listdir(loaded)


if __name__ == "__main__":
    Checkpointed()
