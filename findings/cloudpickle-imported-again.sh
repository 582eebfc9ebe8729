#!/usr/bin/env bash
# cloudpickle 3.1.1: after cloudpickle is imported a second time (by hot reloaders, test fixtures, notebooks that unload modules),
# pickling any function with a Pickler of the first import fails with "excessively deep recursion required": the Pickler's helpers
# are no longer those of sys.modules, so it pickles them by value, and their helpers by value again.
# Guessed before the first run: it pickles as before, because both modules have the same functions.
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
