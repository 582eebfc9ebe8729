"""Print two durations in a container as JSON: the start of Python, and the start of the runtime up to user code."""

import json
import os
import statistics
import subprocess
import sys
import time

ROUNDS = 9


def bare() -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return time.perf_counter() - start


def first_line(number: int) -> float:
    environment = os.environ | {"FLOWC_RUN": f"run-{number}", "FLOWC_STORE": "file:///tmp/store"}
    command = [sys.executable, "-m", "flowc_runtime", "task", "start", "--path", "0", "--retry", "0"]
    start = time.perf_counter()
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        took = time.perf_counter() - start
    assert line == b"first\n" and process.returncode == 0, (line, process.returncode)
    return took


pairs = [(bare(), first_line(number)) for number in range(ROUNDS)]
medians = [statistics.median(column) for column in zip(*pairs, strict=True)]
print(json.dumps({"bare": medians[0], "first_line": medians[1]}))
