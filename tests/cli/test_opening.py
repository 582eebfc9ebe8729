"""The forms of FLOW: files and modules, with and without a class, in every command that takes a flow."""

from __future__ import annotations

import json
import os
import pickle
import sys
from typing import TYPE_CHECKING

import pytest

from flowc_runtime.store.values.codecs import load_value

if TYPE_CHECKING:
    from project import Project

FLOWS = """
    import os

    from metaflow import FlowSpec, IncludeFile, step

    from . import helper
    from .deep.tool import NAME

    class Item:
        pass

    class Base(FlowSpec):
        notes = IncludeFile("notes", default="notes.txt")

        @step
        def start(self):
            self.item = Item()
            self.value = helper.double(4)
            self.next(self.end)

        @step
        def end(self):
            assert type(self.item) is Item
            self.module = type(self.item).__module__, __name__, NAME
            if os.environ.get("FAIL"):
                raise ValueError("asked to fail")

    class First(Base):
        pass

    class Second(Base):
        pass

    if __name__ == "__main__":
        First()
    """


NOTEBOOK = b'{"cells": [{"source": ["print(1)"], "execution_count": null}], "metadata": {}, "nbformat": 4}'
OTHERS = {
    "empty.py": b" \n",
    "book.py": NOTEBOOK,
    "book": NOTEBOOK,
    "ir.py": b'{"name": "First"}',
    "manifest.py": b"# one\napiVersion: v1\nmetadata:\n  name: first\n",
    "result.pkl": pickle.dumps([1, 2]),
    "result.py": pickle.dumps({"a": 1}, protocol=5),
    "plot.png": b"\x89PNG\r\n\x1a\n\0\0",
    "plot.py": b"\xff\xd8\xff\xe0JFIF",
    "data.csv": b"name,value\n",
    "code.zip": b"PK\x03\x04\x14\0",
    "run.sh": b"echo hello\n",
    "run": b"#!/usr/bin/env bash\necho hello\n",
    "page.py": b"<!DOCTYPE html>\n<html></html>",
    "program": b"\x7fELF\x02\x01",
}


@pytest.fixture
def packaged(project: Project) -> Project:
    """Write a package with flows that use relative imports, and a flow in a file beside it."""
    project.write("pkg/__init__.py", "")
    project.write("pkg/helper.py", "def double(x):\n    return 2 * x\n")
    project.write("pkg/deep/__init__.py", "")
    project.write("pkg/deep/tool.py", "NAME = __name__\n")
    project.write("pkg/notes.txt", "beside the flow")
    project.write("pkg/flows.py", FLOWS)
    project.write(
        "flow.py", FLOWS.replace("from . import helper", "from pkg import helper").replace(".deep", "pkg.deep")
    )
    return project


def modules(project: Project) -> tuple[str, ...]:
    """Return the module names that the last step of the newest run has stored."""
    run = project.latest()
    found: tuple[str, ...] = load_value(run.objects, run.task("end", "0")["artifacts"]["module"])
    return found


# -- accepted forms ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["flow.py"], "First"),
        (["flow.py:Second"], "Second"),
        (["./flow.py:Second"], "Second"),
        (["flow"], "First"),
        (["flow:Second"], "Second"),
        (["pkg.flows"], "First"),
        (["pkg.flows:Second"], "Second"),
        (["pkg.flows", "--flow", "Second"], "Second"),
        (["pkg.flows:Second", "--flow", "Second"], "Second"),
    ],
)
def test_words(packaged: Project, words: list[str], name: str) -> None:
    done = packaged.flowc("check", *words)
    assert (done.code, done.out) == (0, f"{name}: 2 steps, no faults\n"), done.err


def test_a_package_that_is_a_flow_itself(packaged: Project) -> None:
    packaged.write("pkg/__init__.py", "from .flows import First, Second\n")
    packaged.write("pkg/deep/__init__.py", FLOWS.replace("from . import", "from .. import").replace(".deep.", "."))
    assert packaged.flowc("check", "pkg:Second").out == "Second: 2 steps, no faults\n"
    assert packaged.flowc("check", "pkg.deep").out == "First: 2 steps, no faults\n"
    packaged.run("pkg:First", "--notes", "pkg/notes.txt")
    assert modules(packaged)[0] == "pkg.flows"


def test_a_module_on_the_path(packaged: Project) -> None:
    """FLOW can be a module, which is searched for as by `python -m`.

    The directory on the path that contains the module is the root of the code.
    """
    (packaged.root / "src").mkdir()
    (packaged.root / "pkg").rename(packaged.root / "src" / "pkg")
    done = packaged.flowc("ir", "pkg.flows", PYTHONPATH=f"{packaged.root}/src:{packaged.environment['PYTHONPATH']}")
    assert json.loads(done.out)["code"]["file"] == "pkg/flows.py"


def test_a_namespace_package_around_the_flow(project: Project) -> None:
    project.write("spaces/inner/flows.py", FLOWS.replace("from . import helper", "").replace("helper.double(4)", "8"))
    project.write("spaces/inner/deep/tool.py", "NAME = 'tool'\n")
    project.write("spaces/inner/notes.txt", "here")
    project.run("spaces.inner.flows")
    assert modules(project)[1] == "spaces.inner.flows"


def test_an_installed_package_travels_alone(packaged: Project) -> None:
    """The code package contains the flow's installed package, but no other installed packages."""
    packaged.write("lib/site-packages/other/big.py", "1 / 0\n")
    (packaged.root / "pkg").rename(packaged.root / "lib" / "site-packages" / "pkg")
    path = f"{packaged.root}/lib/site-packages:{packaged.environment['PYTHONPATH']}"
    text = packaged.flowc("compile", "pkg.flows", "--notes=x", PYTHONPATH=path)
    assert text.code == 2  # `--notes` is an unknown option: parameters are given when the flow is triggered
    pytest.importorskip("hera")
    text = packaged.flowc("compile", "pkg.flows", PYTHONPATH=path)
    assert text.code == 0, text.err
    assert "code/pkg/flows.py" in text.out
    assert "code/pkg/deep/tool.py" in text.out
    assert "other/big.py" not in text.out


# -- every command that takes a flow -----------------------------------------------------------------------------------


def test_run_resume_retry_spin_and_debug(packaged: Project) -> None:
    done = packaged.flowc("run", "pkg.flows:Second", FAIL="1")
    assert done.code == 1
    assert "--> pkg/flows.py:" in done.err
    assert 'File "pkg/flows.py", line' in done.err
    assert packaged.flowc("resume", "pkg.flows:Second").code == 0
    assert modules(packaged) == ("pkg.flows", "pkg.flows", "pkg.deep.tool")
    assert packaged.flowc("run", "pkg.flows:Second", FAIL="1").code == 1
    assert packaged.flowc("retry", "pkg.flows:Second").code == 0
    assert packaged.flowc("run", "pkg.flows:Second", FAIL="1").code == 1
    (packaged.root / "elsewhere").mkdir()
    found_beside_the_store = packaged.python(
        "-c",
        "import os, sys; os.chdir('elsewhere'); os.execv(sys.executable, [sys.executable, '-m', 'flowc', 'retry'])",
    )
    assert found_beside_the_store.code == 0, found_beside_the_store.err
    done = packaged.flowc("spin", "pkg.flows:Second", "end")
    assert done.code == 0, done.err
    for more in ([], ["--file", "pkg.flows"], ["--file", "pkg/flows.py"], ["--file", f"{packaged.root}/pkg/flows.py"]):
        done = packaged.flowc("debug", "Second/latest/end", "--post-mortem", *more)
        assert (done.code, "end has ended" in done.out) == (0, True), done.err


def test_compile_deploy_diff_and_trigger(packaged: Project) -> None:
    pytest.importorskip("hera")
    text = packaged.flowc("compile", "pkg.flows:Second").out
    assert "name: second\n" in text
    assert "code/pkg/deep/tool.py" in text
    assert "beside the flow" not in text  # the file's content is compressed and in base64
    for command in ("deploy", "diff", "trigger"):
        done = packaged.flowc(command, "pkg.flows:Third")
        assert (done.code, "pkg/flows.py has no flow 'Third'" in done.err) == (2 if command == "diff" else 1, True)
        done = packaged.flowc(command, "pkg.flows:Second", KUBECONFIG="/nowhere")
        assert "Traceback" not in done.err
        assert "has no flow" not in done.err
        assert done.code != 0


def test_python_m(packaged: Project) -> None:
    """`python -m pkg.flows` and `flowc run pkg.flows` give the flow's module, and so its pickles, the same name."""
    done = packaged.python("-m", "pkg.flows", "run")
    assert done.code == 0, done.err
    assert modules(packaged) == ("pkg.flows", "pkg.flows", "pkg.deep.tool")
    assert packaged.flowc("resume", "pkg.flows").code == 0


# -- missing flows -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        ("flo.py", "'flo.py' does not exist", "did you mean 'flow.py'?"),
        ("pkg/flow.py", "'pkg/flow.py' does not exist", "did you mean 'pkg/flows.py'?"),
        ("pkg/flows", "'pkg/flows' does not exist", "did you mean 'pkg/flows.py'?"),
        ("zzz.py", "'zzz.py' does not exist", "name a file: flow.py"),
        ("nowhere/x.py", "'nowhere/x.py' does not exist", "there is no directory 'nowhere'"),
        ("dangling.py", "'dangling.py' is a link to a file that does not exist", "flow.py"),
        ("pkg/", "'pkg/' is a directory, not a Python file", "name a module: pkg.flows"),
        ("docs", "'docs' is a directory, not a Python file", "no Python file in 'docs' has a flow"),
        ("loop.py", "cannot read 'loop.py': Too many levels of symbolic links", "name another file"),
        ("flow.py/x.py", "'flow.py/x.py' does not exist", "there is no directory 'flow.py'"),
        ("/proc/self/mem", "cannot read '/proc/self/mem': Input/output error", "readable"),
        ("empty.py", "'empty.py' is an empty file", "save the flow's source in it"),
        ("book.py", "'book.py' is a notebook, not a Python file", "NBRunner"),
        ("BOOK.IPYNB", "'BOOK.IPYNB' does not exist", "name a file: flow.py"),
        ("book", "'book' is a notebook, not a Python file", "NBRunner"),
        ("ir.py", "'ir.py' is a JSON file", "an IR is read from a file named *.json"),
        ("manifest.py", "'manifest.py' is a YAML file", "kubectl"),
        ("result.pkl", "'result.pkl' is a pickle", "flowc artifact"),
        ("result.py", "'result.py' is a pickle", "flowc artifact"),
        ("plot.png", "'plot.png' is an image", "IncludeFile"),
        ("plot.py", "'plot.py' is an image", "IncludeFile"),
        ("data.csv", "'data.csv' is a CSV file", "IncludeFile"),
        ("code.zip", "'code.zip' is an archive", "unpack it"),
        ("run.sh", "'run.sh' is a shell script", "subprocess"),
        ("run", "'run' is a shell script", "subprocess"),
        ("page.py", "'page.py' is an HTML page", "save the flow's source itself"),
        ("program", "'program' is a compiled program", "name the flow's Python file"),
        ("/dev/null", "'/dev/null' is not a regular file", "name the flow's Python file"),
        ("binary.py", "'binary.py' is not Python: it holds null bytes", "saved as UTF-8"),
        ("utf16.py", "'utf16.py' is not Python: it holds null bytes", "saved as UTF-8"),
        ("bok.ipynb", "'bok.ipynb' does not exist", "did you mean 'book.ipynb'?"),
        ("book.ipynb:Flow", "names a class, but a notebook runs as a whole", "write book.ipynb"),
        ("nothing.json", "'nothing.json' does not exist", "name a file"),
        ("maniest.yaml", "'maniest.yaml' does not exist", "did you mean 'manifest.yaml'?"),
        ("manifest.yaml:Flow", "names a class, but a YAML file has one pipeline", "write manifest.yaml"),
        ("of.yaml", "'of.yaml' is a directory, not a YAML file", "no Python file in 'of.yaml' has a flow"),
        ("flow.pyc", "'flow.pyc' is byte code", "name the .py file"),
        ("flow.py:", "'flow.py:': no class follows the ':'", "write flow.py:CLASS, or only flow.py"),
        ("flow.py:12:3", "'12:3' is not the name of a class", "write flow.py:CLASS, or only flow.py"),
        (":First", "':First' names a class, but no file", "flow.py[:CLASS] or pkg.module[:CLASS]"),
        ("", "the flow's name is empty", "flow.py[:CLASS] or pkg.module[:CLASS]"),
        ("flwo", "there is no file and no module 'flwo'", "did you mean 'flow.py'?"),
        ("nothing.like.it", "there is no file and no module 'nothing.like.it'", "as `python -m` does"),
        ("pkg.flow", "has no module 'flow'", "did you mean 'pkg.flows'?"),
        ("pkg.zzz", "has no module 'zzz'", "it has deep, flows, helper"),
        ("pkg.deep.zzz", "the package 'pkg.deep' in", "it has tool"),
        ("pkg.native", "the module 'pkg.native' is compiled", "a .py file"),
        ("pkg.flows.First", "'pkg.flows' is a module", "a class follows a colon: pkg.flows:First"),
        ("pkg.flows.x.y", "'pkg.flows' is a module", "pkg.flows holds no further modules"),
        ("flow.First", "'flow' is a module", "a class follows a colon: flow:First"),
        ("space.sub", "'space.sub' is a directory without __init__.py", "name a module in it: space.sub.mod"),
        ("json", "the module 'json' is Python's own", "name the module of your flow"),
        ("json.tool", "the module 'json' is Python's own", "name the module of your flow"),
        ("sys", "the module 'sys' is Python's own", "name the module of your flow"),
        ("test.flows", "the package 'test' in", "rename it"),
    ],
)  # fmt: skip
def test_an_error_has_a_hint(packaged: Project, words: str, message: str, hint: str) -> None:
    root = packaged.root
    (root / "docs").mkdir()
    (root / "of.yaml").mkdir()
    (root / "manifest.yaml").write_text("kind: Workflow\n")
    (root / "dangling.py").symlink_to("missing.py")
    (root / "loop.py").symlink_to("loop.py")
    (root / "binary.py").write_bytes(b"x\x00\x01")
    for name, content in OTHERS.items():
        (root / name).write_bytes(content)
    (root / "utf16.py").write_text("x = 1\n", encoding="utf-16")
    for name in (
        "book.ipynb",
        "ir.json",
        "flow.yaml",
        "flow.pyc",
        "space/sub/mod.py",
        "test/__init__.py",
        "test/flows.py",
    ):
        packaged.write(name, "")
    packaged.write("pkg/native.so", "")
    done = packaged.flowc("check", words)
    assert done.code == 2, done.err
    assert "Traceback" not in done.err
    error, told = done.err.splitlines()
    assert error.startswith("error: ")
    assert message in error
    assert told.startswith("hint: ")
    assert hint in told


@pytest.mark.skipif(os.getuid() != 0, reason="NOT TESTED: only root can become another user who may not read")
def test_no_permission(public_project: Project) -> None:
    flow = public_project.write("flow.py", "")
    flow.chmod(0)
    program = (
        "import os\nfrom flowc.opening import LoadOptions, OpeningError, open_flow\nimport flowc.frontends.metaflow.flowspec\n"
        "os.setuid(65534)\n"
        f"try: open_flow({str(flow)!r}, LoadOptions())\n"
        "except OpeningError as error: print(error.message, '|', error.hint)"
    )
    done = public_project.python("-c", program)
    assert "flow.py': Permission denied | make the file and the directories above it readable" in done.out, done.err


LONG = "x" * 300


@pytest.mark.parametrize(
    ("words", "line", "hint"),
    [
        (
            ["check", "loop.py"],
            "cannot read 'loop.py': Too many levels of symbolic links",
            "its links lead to each other",
        ),
        (["check", f"{LONG}.py"], f"cannot read '{LONG}.py': File name too long", "a name may have 255 bytes"),
        (["run", f"{LONG}/flow.py"], f"cannot read '{LONG}/flow.py': File name too long", "a name may have 255 bytes"),
        ([LONG], f"No such command '{LONG}'.", None),
        (["runs", "--store", "loop"], "cannot read the store loop: Too many levels of symbolic links", None),
        (["runs", "--store", LONG], f"cannot read the store {LONG}: File name too long", None),
    ],
)
def test_names_that_no_file_can_have(packaged: Project, words: list[str], line: str, hint: str | None) -> None:
    for name in ("loop", "loop.py"):
        (packaged.root / name).symlink_to(name)
    done = packaged.flowc(*words)
    assert done.code in (1, 2) and "Traceback" not in done.err
    assert line in done.err
    assert hint is None or f"hint: {hint}" in done.err


def test_a_flow_beside_links_in_a_circle(packaged: Project) -> None:
    for name, target in (("a", "b"), ("b", "a"), ("c.py", "c.py")):
        (packaged.root / name).symlink_to(target)
    for words in (
        ("check", "flow.py:First"),
        ("run", "--notes", "pkg/notes.txt", "flow.py:First"),
        ("ir", "flow.py:First"),
        ("check", "."),
    ):
        done = packaged.flowc(*words)
        assert "symbolic links" not in done.err, done.err
        assert done.code == (2 if words[-1] == "." else 0), done.err
    assert "flow.py" in packaged.flowc(COMP_LINE="flowc run ", _FLOWC_COMPLETE="bash_complete").out


def test_two_classes(packaged: Project) -> None:
    for words in (["flow.py:First", "--flow", "Second"], ["--flow", "Second", "pkg.flows:First"]):
        done = packaged.flowc("run", *words)
        assert done.code == 2
        assert "name different classes" in done.err
        assert ":Second or " in done.err


def test_several_flows(packaged: Project) -> None:
    text = FLOWS.partition("    if __name__")[0]
    packaged.write("pkg/flows.py", text)
    packaged.write("many.py", text.replace("from . import", "from pkg import").replace(".deep", "pkg.deep"))
    for words in ("many.py", "pkg.flows"):
        done = packaged.flowc("check", words)
        assert done.code == 1
        assert f"hint: name one: {words}:First" in done.err


def test_faults_of_the_code_are_diagnostics(packaged: Project) -> None:
    done = packaged.flowc("check", "pkg/flows.py")
    assert done.code == 1
    assert "attempted relative import with no known parent package" in done.err
    assert "name the module instead of the path: pkg.flows" in done.err
    packaged.write("pkg/__init__.py", "import no_such_thing\n")
    done = packaged.flowc("check", "pkg.flows")
    assert done.code == 1
    assert "--> pkg/__init__.py:1:1" in done.err
    assert "install 'no_such_thing' in this environment" in done.err
    packaged.write("pkg/__init__.py", "")
    packaged.write("pkg/helper.py", "def double(:\n")
    done = packaged.flowc("check", "pkg.flows")
    assert (done.code, "error[syntax-error]" in done.err, "--> pkg/helper.py:1:" in done.err) == (1, True, True)
    packaged.write("pkg/flows.py", "class (:\n")
    assert "--> pkg/flows.py:1:7" in packaged.flowc("check", "pkg.flows").err


def test_the_directory_above_is_named(packaged: Project) -> None:
    program = "import os, sys; os.chdir('pkg'); os.execv(sys.executable, [sys.executable, '-m', 'flowc', 'check', 'pkg.flows'])"
    done = packaged.python("-c", program)
    assert done.code == 2
    assert f"hint: it is in {packaged.root}: call flowc in that directory" in done.err


def test_a_package_that_is_loaded_from_elsewhere(packaged: Project) -> None:
    """The flow is refused if another package of the same name is already imported, since modules of both would mix."""
    program = (
        "import sys\nsys.path.insert(0, 'other')\nimport pkg\nfrom pathlib import Path\n"
        "from flowc_runtime.process.loader import load_module\nload_module(Path.cwd(), 'pkg/flows.py')"
    )
    packaged.write("other/pkg/__init__.py", "")
    done = packaged.python("-c", program)
    assert f"ImportError: the package 'pkg' is {packaged.root}/other/pkg, not {packaged.root}/pkg" in done.err


def test_names_of_deployed_flows_are_no_code(packaged: Project) -> None:
    """`flowc trigger` also accepts names of deployed flows; in projects, these names contain dots like module names."""
    from flowc.opening import names_code

    before = os.getcwd()
    os.chdir(packaged.root)
    try:
        answers = {text: names_code(text) for text in ("hello-flow", "First", "demo.user.ann.first", "demo.prod.first")}
        assert not any(answers.values())
        assert all(map(names_code, ("flow.py", "pkg.flows", "pkg.flows:First", "x/y", "a.ipynb", "gone.py")))
        assert sys.path[0] != str(packaged.root)
    finally:
        os.chdir(before)


def test_functions_of_a_module_without_a_flow_are_named(project: Project) -> None:
    project.write("steps.py", "from os.path import join\n\ndef load(rows: int = 3): return rows\ndef train(x): return x\n"
                  "def _own(): pass\n")  # fmt: skip
    for words in (["run", "--local"], ["check"], ["compile"]):
        done = project.flowc(*words, "steps.py")
        assert done.code == 1
        assert "hint: to run a function, name it: steps.py:load or steps.py:train; or write a class" in done.err
    assert "hint: did you mean 'load'?" in project.flowc("check", "steps.py:lod").err
    assert project.flowc("run", "--local", "steps.py:load").code == 0
