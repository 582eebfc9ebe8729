#!/usr/bin/env bash
# Kubernetes' Python client 37.0.2: `kubernetes.utils.parse_quantity` accepts texts that an API server refuses: "1K" (the suffix
# is "k"; read as 1000), "1_000", " 1", "NaN" and "Infinity". If a check of a manifest uses this function, the check passes, but
# the server refuses the manifest. The server's grammar:
# https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
# Guessed before the first run: ValueError for each of the five, as for "0x10" and "1Ki ".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet kubernetes==37.0.2
"$folder/venv/bin/python" - << 'PYTHON' | tee "$folder/seen"
from kubernetes.utils import parse_quantity

for text in ("1k", "1K", "1_000", " 1", "NaN", "Infinity", "0x10", "1Ki "):
    try:
        print(repr(text), parse_quantity(text))
    except ValueError:
        print(repr(text), "ValueError")
PYTHON
diff - "$folder/seen" << 'EXPECTED'
'1k' 1000
'1K' 1000
'1_000' 1000
' 1' 1
'NaN' NaN
'Infinity' Infinity
'0x10' ValueError
'1Ki ' ValueError
EXPECTED
