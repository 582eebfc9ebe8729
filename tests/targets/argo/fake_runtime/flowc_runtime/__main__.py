"""A fake runtime for tests of the simulated controller: it records its arguments, and acts as the variable FAKE says.

FAKE is a JSON object: `counts` (step -> count) and `exits` (step -> the exit codes of its attempts; then 0).
"""

import json
import os
import sys
from pathlib import Path

fake = json.loads(os.environ.get("FAKE", "{}"))
store = Path(os.environ["FLOWC_STORE"].removeprefix("file://"))
store.mkdir(parents=True, exist_ok=True)
calls = store / "calls.jsonl"
before = [json.loads(line)["args"] for line in calls.read_text().splitlines()] if calls.exists() else []
seen = {name: value for name, value in os.environ.items() if name.startswith(("FLOWC_", "USER_", "TEMPLATE"))}
with calls.open("a") as log:
    log.write(json.dumps({"args": sys.argv[1:], "env": seen}) + "\n")
if sys.argv[1] == "task":
    step, path, retry = sys.argv[2], sys.argv[4], int(sys.argv[6])
    exits = fake.get("exits", {}).get(step, [])
    if retry < len(exits):
        sys.exit(exits[retry])
    if step in fake.get("counts", {}):
        (Path(os.environ["FLOWC_OUT"]) / "count").write_text(f"{fake['counts'][step]}\n")
