#!/usr/bin/env bash
# luigi 3.8.1: tasks are cached by their parameters, and Python's 1, 1.0 and True are equal. After `Train([1, True])`,
# `Train([1, 1])` is the same object: its parameter reads (1, True), and its id, which identifies its results, is the id of the
# first task. So a task's id depends on which of the two tasks a process created first. A FloatParameter keeps an int.
# Guessed before the first run: two tasks with two ids, because a task's id depends on the parameters as texts.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet luigi==3.8.1
for order in "[[1, true], [1, 1]]" "[[1, 1], [1, true]]"; do
  "$folder/venv/bin/python" - "$order" << 'PYTHON'
import json
import sys

import luigi


class Train(luigi.Task):
    layers = luigi.ListParameter()
    rate = luigi.FloatParameter(default=1)


first, second = (Train(layers) for layers in json.loads(sys.argv[1]))
print(f"{first.layers} {second.layers} same object: {first is second}, id {second.task_id}, rate {second.rate!r}")
PYTHON
done | tee "$folder/seen"
diff - "$folder/seen" << 'EXPECTED'
(1, True) (1, True) same object: True, id Train__1__true__1_a1062ef8f7, rate 1
(1, 1) (1, 1) same object: True, id Train__1__1__1_a6b72fdf38, rate 1
EXPECTED
