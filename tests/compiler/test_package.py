"""The code package: its contents, exclusions, digest and limits."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from flowc import extensions, package
from flowc.package import UnreadableFileError, collect, pack


def write(root: Path, *files: str) -> Path:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(f"# {file}\n")
    return root / files[0]


def names(flow_file: Path) -> list[str]:
    return [name for name, _ in collect(flow_file).files]


def test_holds_the_python_files_below_the_flow_sorted(tmp_path: Path) -> None:
    flow = write(tmp_path, "flow.py", "util.py", "lib/__init__.py", "lib/deep/model.py", "data.csv", "README.md")
    found = collect(flow)
    assert found.root == tmp_path
    assert found.files == tuple(
        (name, f"# {name}\n".encode()) for name in ("flow.py", "lib/__init__.py", "lib/deep/model.py", "util.py")
    )


def test_leaves_out_what_is_not_the_users_code(tmp_path: Path) -> None:
    skipped = [
        ".flowc/x.py", ".git/x.py", ".hidden.py", "__pycache__/x.py", "node_modules/a/x.py", "lib.egg-info/x.py",
        "env/lib/x.py", "env/pyvenv.cfg", "lib/site-packages/x.py",
    ]  # fmt: skip
    assert names(write(tmp_path, "flow.py", *skipped)) == ["flow.py"]


def test_a_flow_beside_a_pyvenv_cfg_is_still_packaged(tmp_path: Path) -> None:
    assert names(write(tmp_path, "flow.py", "util.py", "pyvenv.cfg")) == ["flow.py", "util.py"]


def test_the_flow_itself_is_always_in_it(tmp_path: Path) -> None:
    assert names(write(tmp_path, ".flow", "util.py")) == [".flow", "util.py"]


def test_the_digest_depends_on_names_and_contents_alone(tmp_path: Path) -> None:
    one = collect(write(tmp_path / "one", "flow.py", "util.py")).digest
    assert one == collect(write(tmp_path / "two", "flow.py", "util.py", "notes.txt")).digest
    assert one.startswith("sha256:")
    (tmp_path / "two" / "util.py").write_text("# changed\n")
    assert one != collect(tmp_path / "two" / "flow.py").digest


def test_the_digest_tells_apart_where_a_name_ends() -> None:
    assert pack(Path(), [("a", b"bc")]).digest != pack(Path(), [("ab", b"c")]).digest
    assert pack(Path(), [("a", b""), ("b", b"")]).digest != pack(Path(), [("a", b"b")]).digest


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    flow = write(tmp_path / "flow", "flow.py")
    write(tmp_path / "shared", "tool.py")
    (tmp_path / "flow" / "shared").symlink_to(tmp_path / "shared")
    (tmp_path / "flow" / "self").symlink_to(tmp_path / "flow")
    (tmp_path / "shared" / "back").symlink_to(tmp_path / "shared")
    (tmp_path / "flow" / "nowhere.py").symlink_to(tmp_path / "missing.py")
    assert names(flow) == ["flow.py", "shared/tool.py"]


def test_a_name_that_is_not_unicode_survives(tmp_path: Path) -> None:
    flow = write(tmp_path, "flow.py")
    try:
        (Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.py"))).touch()
    except OSError:
        pytest.skip("this file system has Unicode names only")
    assert names(flow) == [os.fsdecode(b"caf\xe9.py"), "flow.py"]


def test_too_many_files_name_the_largest_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "MAX_FILES", 5)
    flow = write(tmp_path, "flow.py", *[f"big/f{n}.py" for n in range(4)], *[f"small/f{n}.py" for n in range(2)])
    excess = collect(flow).excess
    assert excess is not None
    assert "7 files" in excess.message
    assert "big/ (4 files, 0.0 MB), small/ (2 files, 0.0 MB), ./ (1 files, 0.0 MB)" in excess.hint


def test_too_many_bytes_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "MAX_BYTES", 100)
    flow = write(tmp_path, "flow.py", "lib/a.py", "lib/b.py")
    (tmp_path / "lib" / "a.py").write_text("#" * 101)
    found = collect(flow)
    assert found.excess is not None
    assert "3 files" in found.excess.message
    assert [name for name, _ in found.files] == ["flow.py"]
    assert found.every is not None
    assert [name for name, _ in found.every().files] == ["flow.py", "lib/a.py", "lib/b.py"]


def test_suffixes_take_other_files_along(tmp_path: Path) -> None:
    flow = write(
        tmp_path, "flow.py", "q.sql", "sub/a.csv", "sub/b.txt", ".hidden/c.sql", ".d.sql", "env/pyvenv.cfg", "env/e.sql"
    )
    assert [name for name, _ in collect(flow, suffixes=(".sql", ".csv")).files] == ["flow.py", "q.sql", "sub/a.csv"]
    assert collect(flow).digest != collect(flow, suffixes=(".sql",)).digest
    assert collect(flow).digest == collect(flow, suffixes=(".R",)).digest


# Links that lead to no file: to themselves, to a missing file, or to an impossible name.
NOWHERE = {
    "loop": "loop",
    "first": "second",
    "second": "first",
    "gone": "missing",
    "long": "x" * 300,
    "below": "flow.py/x",
}


@pytest.mark.parametrize("end", ["", ".py", ".sql"])
def test_links_that_lead_nowhere_are_no_files(tmp_path: Path, end: str) -> None:
    flow = write(tmp_path, "flow.py")
    for name, target in NOWHERE.items():
        (tmp_path / f"{name}{end}").symlink_to(f"{target}{end}" if target in NOWHERE else target)
    assert names(flow) == ["flow.py"]
    assert [name for name, _ in collect(flow, suffixes=(".sql",)).files] == ["flow.py"]


def test_what_cannot_be_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory that cannot be read is an error, because the package would lack its code."""
    flow = write(tmp_path, "flow.py")
    write(tmp_path / "inner", "tool.py")
    listing, failing = os.scandir, dict[str, int]()

    def scandir(path: str) -> object:
        if path in failing:
            raise OSError(failing[path], os.strerror(failing[path]), path)
        return listing(path)

    monkeypatch.setattr("os.scandir", scandir)
    failing[str(tmp_path / "inner")] = errno.EACCES
    assert names(flow) == ["flow.py"]
    failing[str(tmp_path / "inner")] = errno.EIO
    with pytest.raises(UnreadableFileError, match=r"cannot read inner: Input/output error"):
        collect(flow)
    failing.clear()
    failing[str(tmp_path)] = errno.EACCES
    with pytest.raises(UnreadableFileError, match=f"cannot read the directory {tmp_path}: Permission denied"):
        collect(flow)


def test_files_of_extensions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "plugins/tool.py", "inner/deep.py")
    for name, target in NOWHERE.items():
        (tmp_path / f"plugins/{name}.py").symlink_to(f"{target}.py" if target in NOWHERE else target)
    assert {name for name, _ in extensions._files(str(tmp_path), "org")} == {"org/plugins/tool.py", "org/inner/deep.py"}
    listing = os.scandir

    def scandir(path: str) -> object:
        if path.endswith("inner"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return listing(path)

    monkeypatch.setattr("os.scandir", scandir)
    with pytest.raises(PermissionError, match=r"Permission denied: .*inner"):
        [*extensions._files(str(tmp_path), "org")]
