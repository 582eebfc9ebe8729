"""Measure how long large artifacts take to be saved to a bucket and loaded from it, relative to obstore alone.

The bucket is provided by an S3 gateway on this machine (versitygw, which the tests use, too). Each measurement runs in
a separate process. Just before each measurement, obstore alone sends and receives the same number of bytes, so that a
busy machine slows both.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any

from bench.artifacts import SIZE, TYPES, ratio_of, value_of
from bench.measure import ROOT, module_output

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.figures import Bench, Figure

KINDS = ("numpy", "bytes", "pandas", "Arrow")


def measure_bucket(bench: Bench) -> Iterator[Figure]:
    """Yield the times of saving and loading 256 MiB of each type whose package is installed."""
    from importlib.util import find_spec

    sys.path.insert(0, str(ROOT / "tests"))
    gateway = import_module("gateway").gateway  # of the tests

    place = bench.directory / "bucket"
    place.mkdir()
    cache = place / "cache"
    with gateway(place) as s3:
        url = s3.bucket("bench") + "/store"
        environment = {**s3.environment, "XDG_CACHE_HOME": str(cache), "FLOWC_BLOB_CACHE": "yes"}

        def child(what: str, kind: str, ref: str = "{}") -> Any:
            return json.loads(module_output(place, "buckets", what, url, kind, ref, variables=environment))

        for kind in KINDS:
            if TYPES[kind] and find_spec(TYPES[kind]) is None:
                continue
            rounds = []
            for _ in range(bench.times):
                found = child("raw", kind) | (saved := child("save", kind))
                found["again"] = child("load", kind, json.dumps(saved["ref"]))["load"]
                shutil.rmtree(cache)
                rounds.append(found | child("load", kind, json.dumps(saved["ref"])))
            stored = f"256 MiB of {kind} in a bucket"
            yield ratio_of(f"{stored}: saved / obstore", rounds, "save", "put", 1 / 0.85)
            yield ratio_of(f"{stored}: loaded / obstore", rounds, "load", "get", 1 / 0.85)
            yield ratio_of(f"{stored}: loaded by the next step / obstore", rounds, "again", "get", 1)
            yield ratio_of(f"{stored}: peak memory of a load / size", rounds, "peak", "size", 1.1)
    shutil.rmtree(place)


def main(what: str, url: str, kind: str, ref: str) -> None:
    """Depending on `what`, transfer bytes with obstore, save a value or load one; print the seconds and the memory."""
    answer: dict[str, object] = {"size": SIZE}
    if what == "raw":
        import obstore
        from obstore.store import from_url

        client: Any = from_url(url, client_options={"allow_http": True})
        data = os.urandom(SIZE)
        began = time.perf_counter()
        obstore.put(client, "raw", data)
        answer["put"] = time.perf_counter() - began
        began = time.perf_counter()
        obstore.get(client, "raw").bytes()
        answer["get"] = time.perf_counter() - began
    else:
        from flowc_runtime.store.records.store import Store
        from flowc_runtime.store.values.codecs import load_value, store_value

        value = value_of(kind, time.time_ns()) if what == "save" else None
        # imported before the clock starts, because the import is not a part of the loading
        for package in filter(None, [TYPES[kind]]):
            import_module(package)
        objects = Store.open(url).objects
        objects.exists("connected")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.perf_counter()
        found = store_value(objects, value) if what == "save" else load_value(objects, json.loads(ref))
        answer[what] = time.perf_counter() - began
        answer["ref" if what == "save" else "loaded"] = found if what == "save" else len(found)
        answer["peak"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
