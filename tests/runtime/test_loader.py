"""Loading a flow's file: the module has the right name, is imported once, and gives the same pickles in all modes."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from flowc_runtime.base.ambient import ambient
from flowc_runtime.process.loader import load_module, module_name

pytestmark = pytest.mark.usefixtures("fresh_imports")


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("train.py", "train"),
        ("json.py", "flow_json"),
        ("numpy.py", "flow_numpy"),
        ("metaflow.py", "flow_metaflow"),
        ("my-flow.py", "flow_my_flow"),
        ("01_first.py", "flow_01_first"),
        ("a.b.py", "flow_a_b"),
        ("dir/train.py", "dir.train"),
        ("json/train.py", "json.train"),
        ("pkg/sub/__init__.py", "pkg.sub"),
        ("__init__.py", "__init__"),
        ("class.py", "class"),
    ],
)
def test_name(file: str, name: str) -> None:
    assert module_name(file) == name


def test_runs_the_file_once_with_its_directory_first_on_the_path(tmp_path: Path) -> None:
    (tmp_path / "once_flow.py").write_text("import once_helper\nRUNS = once_helper.count()\n")
    (tmp_path / "once_helper.py").write_text("n = 0\ndef count():\n    global n\n    n += 1\n    return n\n")
    module = load_module(tmp_path, "once_flow.py")
    assert module is load_module(tmp_path, "once_flow.py") is sys.modules["once_flow"]
    assert module.RUNS == 1
    assert sys.path[0] == str(tmp_path)
    assert not list((tmp_path / "__pycache__").glob("once_flow*"))


def test_a_file_of_the_same_name_elsewhere_is_another_flow(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "same_flow.py").write_text(f"WHERE = {name!r}\n")
    assert load_module(tmp_path / "one", "same_flow.py").WHERE == "one"
    assert load_module(tmp_path / "two", "same_flow.py").WHERE == "two"


def test_an_edited_file_is_run_again(tmp_path: Path) -> None:
    file = tmp_path / "edited_flow.py"
    file.write_text("VALUE = 1\n")
    first = load_module(tmp_path, "edited_flow.py")
    file.write_text("VALUE = 2\n")  # the new file has the same size, and may have the same modification time
    second = load_module(tmp_path, "edited_flow.py")
    assert (first.VALUE, second.VALUE) == (1, 2)
    assert sys.modules["edited_flow"] is second
    file.unlink()
    assert load_module(tmp_path, "edited_flow.py") is second


def test_a_foreign_module_of_that_name_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = type(sys)("taken")
    monkeypatch.setitem(sys.modules, "taken", foreign)
    (tmp_path / "taken.py").write_text("X = 1\n")
    assert load_module(tmp_path, "taken.py").__name__ == "flow_taken"
    assert sys.modules["taken"] is foreign


def test_a_failed_import_is_not_registered(tmp_path: Path) -> None:
    (tmp_path / "broken_flow.py").write_text("1 / 0\n")
    with pytest.raises(ZeroDivisionError):
        load_module(tmp_path, "broken_flow.py")
    assert "broken_flow" not in sys.modules
    assert ambient().loading is None


PROGRAM = """
import enum, pickle, sys
from flowc_runtime.process import loader

class Outer:
    class Inner:
        pass

class Color(enum.Enum):
    RED = 1

def function():
    pass

def pickled():
    return pickle.dumps((Outer(), Outer.Inner(), Color.RED, function), 5).hex()

if __name__ == "__main__":
    loader.adopt_main()
    import adopted
    assert adopted is sys.modules["__main__"], adopted
    assert __name__ == "adopted"
    print(pickled())
"""


def test_an_adopted_main_pickles_like_the_loaded_module(tmp_path: Path) -> None:
    file = tmp_path / "adopted.py"
    file.write_text(PROGRAM)
    environment = {"PYTHONPATH": ":".join(filter(None, sys.path))}
    ran = subprocess.run([sys.executable, file], env=environment, capture_output=True, text=True, check=True)
    module = load_module(tmp_path, "adopted.py")
    assert ran.stdout.strip() == module.pickled()
    outer, inner, color, function = pickle.loads(bytes.fromhex(ran.stdout))
    assert type(outer) is module.Outer
    assert type(inner) is module.Outer.Inner
    assert color is module.Color.RED
    assert function is module.function
