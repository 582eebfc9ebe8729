#!/usr/bin/env bash
# APScheduler 3.11.3, CronTrigger: if clocks are set forward over the time of a daily schedule, the schedule determines whether
# that day has a run. "0 0 * * *" in Africa/Cairo has no run on 2026-04-24, when 00:00 does not exist; Argo's controller also
# skips this day. "30 2 * * *" in America/New_York has a run on 2026-03-08, returned as 02:30-05:00, a time that does not exist.
# Guessed before the first run: both fire once, at the first time after the change (01:00, and 03:00 or 03:30).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet apscheduler==3.11.3 tzdata==2025.2
"$folder/venv/bin/python" - << 'PYTHON' | tee "$folder/seen"
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

for schedule, zone, after in (
    ("0 0 * * *", "Africa/Cairo", datetime(2026, 4, 22, 12)),
    ("0 0 * * *", "America/Asuncion", datetime(2023, 9, 30, 12)),
    ("30 2 * * *", "America/New_York", datetime(2026, 3, 6, 12)),
    ("30 2 * * *", "Europe/Berlin", datetime(2026, 3, 27, 12)),
):
    trigger = CronTrigger.from_crontab(schedule, timezone=zone)
    fired, now = None, after.replace(tzinfo=ZoneInfo(zone))
    for _ in range(3):
        fired = trigger.get_next_fire_time(fired, now)
        now = fired + timedelta(microseconds=1)
        print(f"{schedule} in {zone}: {fired}")
PYTHON
diff - "$folder/seen" << 'EXPECTED'
0 0 * * * in Africa/Cairo: 2026-04-23 00:00:00+02:00
0 0 * * * in Africa/Cairo: 2026-04-25 00:00:00+03:00
0 0 * * * in Africa/Cairo: 2026-04-26 00:00:00+03:00
0 0 * * * in America/Asuncion: 2023-10-02 00:00:00-03:00
0 0 * * * in America/Asuncion: 2023-10-03 00:00:00-03:00
0 0 * * * in America/Asuncion: 2023-10-04 00:00:00-03:00
30 2 * * * in America/New_York: 2026-03-07 02:30:00-05:00
30 2 * * * in America/New_York: 2026-03-08 02:30:00-05:00
30 2 * * * in America/New_York: 2026-03-09 02:30:00-04:00
30 2 * * * in Europe/Berlin: 2026-03-28 02:30:00+01:00
30 2 * * * in Europe/Berlin: 2026-03-29 02:30:00+01:00
30 2 * * * in Europe/Berlin: 2026-03-30 02:30:00+02:00
EXPECTED
