"""A file that is mapped into memory is hashed once per machine; then a mark records that it was checked.

If the mark is missing, damaged or cannot be read, the file is hashed again.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path

import pytest

from damage import damage
from flowc_runtime.base.errors import ConfigurationError, Damaged
from flowc_runtime.store.backends import marks
from flowc_runtime.store.backends.local import LocalObjects
from flowc_runtime.store.backends.objects import blob_key
from project import Project, wait_until

SIZE = 1 << 20


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("FLOWC_VERIFY", raising=False)
    return tmp_path / "cache/flowc" / marks.NAME


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Return a counter whose value `files` is the number of files that were hashed since the test began."""
    counted: Counter[str] = Counter()
    real = marks._hash

    def count(descriptor: int) -> str:
        counted["files"] += 1
        return real(descriptor)

    monkeypatch.setattr(marks, "_hash", count)
    return counted


@pytest.fixture
def objects(tmp_path: Path) -> LocalObjects:
    return LocalObjects(tmp_path / "store")


def stored(objects: LocalObjects, size: int = SIZE) -> str:
    """Create a blob whose modification time is in the past, and return its digest."""
    digest = objects.create_blob([os.urandom(size)])
    file = Path(objects.root, blob_key(digest))
    os.utime(file, (1, 1))
    settle(file)
    return digest


def settle(file: Path) -> None:
    """Wait until a change of the file would give it a later time: the system's clock advances in ticks."""
    probe = file.with_name("probe")

    def later() -> bool:
        probe.touch()
        return probe.stat().st_ctime - file.stat().st_ctime > 2 * marks._TICK

    wait_until(later, "the clock stands still")
    probe.unlink()


def test_a_file_is_hashed_once(objects: LocalObjects, table: Path, hashed: Counter[str]) -> None:
    one, other = stored(objects), stored(objects)
    for _ in range(3):
        objects.map_blob(one)
        objects.map_blob(other)
    assert hashed["files"] == 2
    assert table.stat().st_size <= 1 << 20


def test_a_small_file_is_hashed_without_a_mark(objects: LocalObjects, table: Path, hashed: Counter[str]) -> None:
    digest = stored(objects, marks.SMALL - 1)
    for _ in range(3):
        objects.map_blob(digest)
    assert hashed["files"] == 3
    assert not table.exists()


def test_always_hashes_each_time(
    objects: LocalObjects, table: Path, hashed: Counter[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    digest = stored(objects)
    objects.map_blob(digest)
    monkeypatch.setenv("FLOWC_VERIFY", "always")
    objects.map_blob(digest)
    objects.map_blob(digest)
    assert hashed["files"] == 3
    monkeypatch.setenv("FLOWC_VERIFY", "once")
    objects.map_blob(digest)
    assert hashed["files"] == 3
    monkeypatch.setenv("FLOWC_VERIFY", "never")
    with pytest.raises(ConfigurationError, match="once, always"):
        objects.map_blob(digest)
    monkeypatch.delenv("FLOWC_VERIFY")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flowc.toml").write_text('verify = "always"\n')
    objects.map_blob(digest)
    assert hashed["files"] == 4
    assert table.exists()


def test_damage_that_leaves_the_time_of_modification_is_seen(objects: LocalObjects, table: Path) -> None:
    digest = stored(objects)
    objects.map_blob(digest)
    assert table.exists()
    file = Path(objects.root, blob_key(digest))
    before = file.stat()
    damage(file, "flipped")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(Damaged):
        objects.map_blob(digest)


def test_another_file_of_the_name_is_hashed(objects: LocalObjects, table: Path, hashed: Counter[str]) -> None:
    digest = stored(objects)
    objects.map_blob(digest)
    file = Path(objects.root, blob_key(digest))
    file.with_name("new").write_bytes(file.read_bytes())
    file.with_name("new").replace(file)
    objects.map_blob(digest)
    assert hashed["files"] == 2
    assert table.exists()


@pytest.mark.parametrize("digest", ["0" * 64, "f" * 64])
def test_a_mark_is_of_one_digest(objects: LocalObjects, table: Path, digest: str) -> None:
    """A mark is valid for the digest that was checked, not for another blob that is later at the same path."""
    good = stored(objects)
    objects.map_blob(good)
    assert table.exists()
    with pytest.raises(Damaged):
        objects.map_blob(digest, key=blob_key(good))


def _nothing(table: Path) -> None:
    table.unlink()


def _zeros(table: Path) -> None:
    table.write_bytes(bytes(table.stat().st_size))


def _noise(table: Path) -> None:
    table.write_bytes(os.urandom(table.stat().st_size))


def _a_bit(table: Path) -> None:
    data = table.read_bytes()
    table.write_bytes(bytes(byte ^ 1 if byte else 0 for byte in data))


def _cut(table: Path) -> None:
    os.truncate(table, table.stat().st_size - 1)


def _empty(table: Path) -> None:
    table.write_bytes(b"")


def _directory(table: Path) -> None:
    table.unlink()
    table.mkdir()


def _pipe(table: Path) -> None:
    table.unlink()
    os.mkfifo(table)


def _file_above(table: Path) -> None:
    table.unlink()
    table.parent.rmdir()
    table.parent.touch()


@pytest.mark.parametrize("harm", [_nothing, _zeros, _noise, _a_bit, _cut, _empty, _directory, _pipe, _file_above])
def test_what_is_wrong_with_the_table_means_hashing_again(
    objects: LocalObjects, table: Path, hashed: Counter[str], harm: object
) -> None:
    digest = stored(objects)
    objects.map_blob(digest)
    assert callable(harm)
    harm(table)
    assert bytes(objects.map_blob(digest)) == objects.get(blob_key(digest))
    assert hashed["files"] == 2
    damage(Path(objects.root, blob_key(digest)), "flipped")
    with pytest.raises(Damaged):
        objects.map_blob(digest)


def test_a_user_without_a_home_can_read(objects: LocalObjects, project: Project) -> None:
    digest = stored(objects)
    script = f"""
        import os
        from flowc_runtime.store.backends.local import LocalObjects
        for name in ("HOME", "XDG_CACHE_HOME"):
            os.environ.pop(name, None)
        os.getuid = lambda: 123456789  # of whom the system knows no home
        print(len(LocalObjects({objects.root!r}).map_blob({digest!r})))
        """
    done = project.python("-c", textwrap.dedent(script))
    assert (done.code, done.out) == (0, f"{SIZE}\n"), done.err


_READER = """
import sys
from flowc_runtime.store.backends.local import LocalObjects

def read() -> int:
    with open("/proc/self/io", encoding="ascii") as file:
        return int(dict(line.split(": ") for line in file)["rchar"])

sys.stdin.readline()
before = read()
view = LocalObjects(sys.argv[1]).map_blob(sys.argv[2])
print((read() - before) // len(view))
"""


def test_of_many_processes_that_begin_at_once_one_hashes(objects: LocalObjects, project: Project) -> None:
    digest = stored(objects, 32 << 20)
    command = [sys.executable, "-c", _READER, objects.root, digest]
    pipe = subprocess.PIPE
    readers = [
        subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=project.environment, cwd=project.root)
        for _ in range(6)
    ]
    outs = []
    try:
        for reader in readers:
            assert reader.stdin is not None
            reader.stdin.write("go\n")
            reader.stdin.flush()
        outs = [reader.communicate(timeout=60)[0] for reader in readers]
    finally:
        for reader in readers:
            reader.kill()
            reader.wait()
    assert sorted(outs) == [*["0\n"] * 5, "1\n"]


def test_a_process_that_was_stopped_while_it_hashed_is_not_waited_for(
    objects: LocalObjects, table: Path, project: Project, hashed: Counter[str]
) -> None:
    table.parent.mkdir(parents=True)
    script = "import fcntl, sys; f = open(sys.argv[1], 'wb'); fcntl.lockf(f, fcntl.LOCK_EX); print(flush=True); input()"
    command = [sys.executable, "-c", script, table]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=project.environment) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with table.open("r+b") as file, pytest.raises(BlockingIOError):
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        digest = stored(objects)
        objects.map_blob(digest)
        holder.kill()
    assert hashed["files"] == 1
