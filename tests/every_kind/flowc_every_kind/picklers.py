"""A pickler that compresses pickles; the module itself is the plugin."""

from __future__ import annotations

import pickle
import zlib


def dumps(value: object) -> bytes:
    return zlib.compress(pickle.dumps(value, protocol=4))


def loads(data: bytes) -> object:
    value: object = pickle.loads(zlib.decompress(data))
    return value
