#!/usr/bin/env bash
# croniter 7.0.0: with an nth weekday ("5#1", the first Friday) the field of the days of the month is dropped without an
# error: "0 9 1,15 * 5#1" has first Fridays only, no 1st and no 15th. With a plain weekday ("5") either field is enough,
# as in cron. cronsim 2.8 treats both alike: the 1st, the 15th and the first Friday.
# Guessed before the first run: either field is enough in both libraries.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet croniter==7.0.0 cronsim==2.8
"$folder/venv/bin/python" - << 'PYTHON' | tee "$folder/seen"
from datetime import datetime
from itertools import islice

from croniter import croniter
from cronsim import CronSim

start = datetime(2026, 1, 1, 10)
for expression in ("0 9 1,15 * 5#1", "0 9 1,15 * 5"):
    times = croniter(expression, start)
    print(expression, "croniter", *(times.get_next(datetime).strftime("%d.%m") for _ in range(5)))
    print(expression, "cronsim", *(time.strftime("%d.%m") for time in islice(CronSim(expression, start), 5)))
PYTHON
diff - "$folder/seen" << 'EXPECTED'
0 9 1,15 * 5#1 croniter 02.01 06.02 06.03 03.04 01.05
0 9 1,15 * 5#1 cronsim 02.01 15.01 01.02 06.02 15.02
0 9 1,15 * 5 croniter 02.01 09.01 15.01 16.01 23.01
0 9 1,15 * 5 cronsim 02.01 09.01 15.01 16.01 23.01
EXPECTED
