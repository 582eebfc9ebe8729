#!/usr/bin/env bash
# flytekit 1.16.31: a datetime without a time zone that is passed to a task, or returned by one, becomes a datetime in UTC,
# independent of TZ: 09:00 on a laptop in New York becomes 09:00 UTC, four hours earlier. The task then cannot compare this
# datetime with `datetime.now()` (a TypeError), although the same function can do so when it is called directly.
# Guessed before the first run: the datetime arrives unchanged, without a time zone.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet flytekit==1.16.31
cat > "$folder/same.py" << 'PYTHON'
from datetime import datetime

from flytekit import task


@task
def same(when: datetime) -> datetime:
    print("in the task:", repr(when))
    return when


given = datetime(2026, 7, 1, 9)
print("returned:", repr(same(when=given)), "the same instant:", same(when=given).timestamp() == given.timestamp())
PYTHON
TZ=America/New_York "$folder/venv/bin/python" "$folder/same.py" | tee "$folder/seen"
diff - "$folder/seen" << 'EXPECTED'
in the task: datetime.datetime(2026, 7, 1, 9, 0, tzinfo=datetime.timezone.utc)
in the task: datetime.datetime(2026, 7, 1, 9, 0, tzinfo=datetime.timezone.utc)
returned: datetime.datetime(2026, 7, 1, 9, 0, tzinfo=datetime.timezone.utc) the same instant: False
EXPECTED
