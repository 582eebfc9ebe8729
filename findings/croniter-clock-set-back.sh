#!/usr/bin/env bash
# croniter 7.0.0: "30 1 * * *" in America/New_York has two times on 1 November 2026, an hour apart: the clock is set back
# at 02:00, and croniter returns 01:30 before that (-04:00) and 01:30 after it (-05:00). A daily job is started twice.
# cronsim 2.8 returns one time, as Debian's cron does, which runs a job with a fixed hour once.
# Guessed before the first run: both return one time, because the schedule names one hour and no range or step.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet croniter==7.0.0 cronsim==2.8 tzdata
"$folder/venv/bin/python" - << 'PYTHON' | tee "$folder/seen"
from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

from croniter import croniter
from cronsim import CronSim

start = datetime(2026, 10, 31, 12, tzinfo=ZoneInfo("America/New_York"))
times = croniter("30 1 * * *", start)
print("croniter", *(times.get_next(datetime).isoformat() for _ in range(3)))
print("cronsim", *(time.isoformat() for time in islice(CronSim("30 1 * * *", start), 3)))
PYTHON
diff - "$folder/seen" << 'EXPECTED'
croniter 2026-11-01T01:30:00-04:00 2026-11-01T01:30:00-05:00 2026-11-02T01:30:00-05:00
cronsim 2026-11-01T01:30:00-04:00 2026-11-02T01:30:00-05:00 2026-11-03T01:30:00-05:00
EXPECTED
