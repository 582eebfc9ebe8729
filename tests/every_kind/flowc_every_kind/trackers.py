"""A tracker that writes a line of JSON to a file for each call. The setting names the file: `lines:metrics.jsonl`."""

from __future__ import annotations

import json


class LinesTracker:
    """A tracker that writes the arguments of its calls to a file."""

    def begin(self, run, *_):
        self._write(run, "begin", run.run)
        return run.run

    def log(self, run, id, metrics):
        self._write(run, id, [[each.name, each.value, each.step] for each in metrics])

    def end(self, run, id, state, ended):
        self._write(run, id, state)

    def _write(self, run, *words):
        with open(run.address, "a") as file:
            file.write(json.dumps(words) + "\n")


LINES = LinesTracker()
