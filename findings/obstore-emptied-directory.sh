#!/usr/bin/env bash
# obstore 0.12.1, LocalStore: after the last object below "a/" is deleted, `list_with_delimiter` still returns "a" as a common
# prefix, although `list` finds no object there: the directory stays. MemoryStore, like S3, has no such prefix. A program that
# lists runs or partitions by prefixes also lists deleted ones, but only on a disk. `automatic_cleanup=True` removes the
# directories.
# Guessed before the first run: no prefix is left in either store.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet obstore==0.12.1
mkdir "$folder/plain" "$folder/cleaned"
"$folder/venv/bin/python" - "$folder" << 'PYTHON' | tee "$folder/seen"
import sys

import obstore
from obstore.store import LocalStore, MemoryStore

stores = {
    "LocalStore": LocalStore(f"{sys.argv[1]}/plain"),
    "LocalStore, automatic_cleanup": LocalStore(f"{sys.argv[1]}/cleaned", automatic_cleanup=True),
    "MemoryStore": MemoryStore(),
}
for name, store in stores.items():
    obstore.put(store, "a/1", b"x")
    obstore.put(store, "b", b"x")
    obstore.delete(store, "a/1")
    keys = [meta["path"] for batch in obstore.list(store) for meta in batch]
    print(f"{name}: objects {keys}, prefixes {obstore.list_with_delimiter(store)['common_prefixes']}")
PYTHON
diff - "$folder/seen" << 'EXPECTED'
LocalStore: objects ['b'], prefixes ['a']
LocalStore, automatic_cleanup: objects ['b'], prefixes []
MemoryStore: objects ['b'], prefixes []
EXPECTED
