#!/usr/bin/env bash
# cloudpickle 3.1.1: a function that is pickled by a Pickler made before cloudpickle is imported anew (what hot reloaders, test
# fixtures and notebooks that forget modules do) fails with "excessively deep recursion required", however flat it is: its own helpers
# are no longer those of sys.modules, so it pickles them by value, and those by value again.
# Guessed before the first run: it pickles as before; the old module's functions are as good as the new one's.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet cloudpickle==3.1.1
"$folder/venv/bin/python" - << 'PYTHON' | tee "$folder/seen"
import importlib
import pickle
import sys

import cloudpickle

double = lambda number: 2 * number
kept = cloudpickle.dumps


def attempt(what, dumps):
    try:
        print(f"{what}: {pickle.loads(dumps(double))(21)}")
    except pickle.PicklingError as error:
        print(f"{what}: PicklingError: {error}")


attempt("before", kept)
for name in [name for name in sys.modules if name.partition(".")[0] == "cloudpickle"]:
    del sys.modules[name]
attempt("forgotten, the function that was kept", kept)
attempt("imported again", importlib.import_module("cloudpickle").dumps)
attempt("imported again, the function that was kept", kept)
PYTHON
diff - "$folder/seen" << 'EXPECTED'
before: 42
forgotten, the function that was kept: PicklingError: Could not pickle object as excessively deep recursion required.
imported again: 42
imported again, the function that was kept: PicklingError: Could not pickle object as excessively deep recursion required.
EXPECTED
