#!/usr/bin/env bash
# cloudpathlib 0.26.0: `S3Path("s3://bucket/runs") / "/model.bin"` is s3://model.bin: the joined text also replaces the
# bucket, so a key with a leading slash reads from or writes to a bucket of that name.
# Double slashes, which are part of a key in S3, become one slash, also those of the first path.
# Guessed before the first run: the path starts again below the same bucket, s3://bucket/model.bin, as pathlib keeps a drive.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'cloudpathlib[s3]==0.26.0'
export AWS_ACCESS_KEY_ID=none AWS_SECRET_ACCESS_KEY=none # no request is made
"$folder/venv/bin/python" - << 'PYTHON' | tee "$folder/seen"
from pathlib import PureWindowsPath

from cloudpathlib import S3Path

for first, second in (("s3://bucket/runs", "/model.bin"), ("s3://bucket/runs", "7//model.bin"), ("s3://bucket/runs//7", "model.bin")):
    path = S3Path(first) / second
    print(f"{first} / {second}: bucket {path.bucket}, key {path.key!r}")
print("pathlib:", PureWindowsPath("c:/runs") / "/model.bin")
PYTHON
diff - "$folder/seen" << 'EXPECTED'
s3://bucket/runs / /model.bin: bucket model.bin, key ''
s3://bucket/runs / 7//model.bin: bucket bucket, key 'runs/7/model.bin'
s3://bucket/runs//7 / model.bin: bucket bucket, key 'runs/7/model.bin'
pathlib: c:\model.bin
EXPECTED
