"""A store in one SQLite database: for `sqlite:///path/of/a/directory` it is the file `store.db` in that directory."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from flowc_runtime.store_plugins import Listed, NotFound, StoreBackend, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_TABLE = "CREATE TABLE IF NOT EXISTS objects (key TEXT PRIMARY KEY, data BLOB NOT NULL, changed REAL NOT NULL)"


class SqliteStore(StoreBackend):
    """A store in a database. Each operation opens the database, so that processes and threads share no connection."""

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        directory = self.url.partition("://")[2]
        try:
            os.makedirs(directory, exist_ok=True)
            with closing(sqlite3.connect(f"{directory}/store.db", timeout=60)) as database, database:
                database.execute(_TABLE)
                yield database
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"cannot use {self.url}: {error}") from error

    def get(self, key: str) -> bytes:
        with self._database() as database:
            row = database.execute("SELECT data FROM objects WHERE key = ?", [key]).fetchone()
        if row is None:
            raise NotFound(f"no {key} in {self.url}")
        data: bytes = row[0]
        return data

    def put(self, key: str, data: bytes) -> None:
        with self._database() as database:
            database.execute("INSERT OR REPLACE INTO objects VALUES (?, ?, ?)", [key, data, time.time()])

    def create(self, key: str, parts: Sequence[bytes | bytearray | memoryview]) -> bool:
        row = [key, b"".join(parts), time.time()]
        with self._database() as database:
            return database.execute("INSERT OR IGNORE INTO objects VALUES (?, ?, ?)", row).rowcount == 1

    def find(self, key: str) -> Listed | None:
        return next((each for each in self._rows("key = ?", key)), None)

    def listing(self, prefix: str) -> list[Listed]:
        inside = f"{prefix}/" if prefix else ""
        found = self._rows("substr(key, 1, length(?1)) = ?1", inside)
        return [each._replace(name=each.name.removeprefix(inside)) for each in found]

    def _rows(self, condition: str, value: str) -> list[Listed]:
        with self._database() as database:
            rows = database.execute(f"SELECT key, length(data), changed FROM objects WHERE {condition}", [value])
            return [Listed(*row) for row in rows]

    def delete(self, key: str) -> None:
        with self._database() as database:
            database.execute("DELETE FROM objects WHERE key = ?", [key])
