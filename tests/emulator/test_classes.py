"""Values whose class cannot be imported any more, because the flow's file was renamed or temporary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from flowc_runtime.base.errors import ArtifactError
from flowc_runtime.store.backends.memory import MemoryObjects
from flowc_runtime.store.backends.objects import blob_key
from flowc_runtime.store.values.classes import in_task
from flowc_runtime.store.values.sources import read_sources, store_sources

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from flowc_runtime.store.backends.objects import Buffer
    from project import Project

FLOW = """
import sys
from dataclasses import dataclass
from enum import Enum
import helper
from metaflow import Config, FlowSpec, step
from flowc.steps import cache

class Color(Enum):
    RED = 1

@dataclass(frozen=True)
class Res:
    a: int
    version: int = 1

    @dataclass
    class Inner:
        b: object

def box(text):
    return Res(len(text))

class Keeps(FlowSpec):
    config = Config("config", default_value="ab", parser=box, plain=True)

    @step
    def start(self):
        self.x = Res(3)
        self.more = {"inner": Res.Inner(helper.Thing(4)), "color": Color.RED, "set": {Res(1), Res(2)}}
        self.items = [Res(5), Res(6)]
        self.next(self.work, foreach="items")

    @step
    def work(self):
        assert type(self.input) is Res and self.input.a in (5, 6)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.merge_artifacts(inputs)
        self.next(self.end)

    @step
    def end(self):
        assert type(self.x) is Res
        print("end", self.x, self.more["inner"].b.size, self.more["color"], sorted(one.a for one in self.more["set"]))

if __name__ == "__main__":
    Keeps()
"""
HELPER = """
class Thing:
    def __init__(self, size):
        self.size = size
"""
READ = """
from metaflow import Flow
data = Flow("Keeps").latest_run.data
more = data.more
print(data.x, more["inner"].b.size, more["color"].name, sorted(one.a for one in more["set"]), data.config.a)
print(type(data.x) is type(data.items[0]), type(data.x) is type(Flow("Keeps").latest_run["start"].task.data.x))
print([name for name in sys.modules if name in ("flow", "helper")] if (sys := __import__("sys")) else "")
"""
SEEN = "end Res(a=3, version=1) 4 Color.RED [1, 2]"


@pytest.fixture
def renamed(project: Project) -> Project:
    """Return a project with a run of a flow, whose file was renamed after the run."""
    project.write("flow.py", FLOW)
    project.write("helper.py", HELPER)
    done = project.python("flow.py", "run")
    assert SEEN in done.out, done.err
    (project.root / "flow.py").rename(project.root / "other.py")
    return project


def test_a_program_reads_what_the_flow_left(renamed: Project) -> None:
    read = renamed.python(str(renamed.write("read.py", READ)))
    assert read.out == "Res(a=3, version=1) 4 RED [1, 2] 2\nTrue True\n['helper']\n", read.err


def test_a_program_elsewhere_reads_it_too(renamed: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A program that cannot import the flow's modules uses the stored code, without changing `sys.modules`."""
    program: Path = tmp_path_factory.mktemp("elsewhere") / "read.py"
    program.write_text(READ)
    (program.parent / "helper.py").write_text("raise RuntimeError('another helper')\n")
    read = renamed.python(str(program), METAFLOW_DATASTORE_SYSROOT_LOCAL=str(renamed.root))
    assert read.code == 1
    # reading a value imports modules by name, like any pickle, so a module `helper` beside the program is imported
    assert "RuntimeError: another helper" in read.err
    (program.parent / "helper.py").unlink()
    read = renamed.python(str(program), METAFLOW_DATASTORE_SYSROOT_LOCAL=str(renamed.root))
    assert read.out == "Res(a=3, version=1) 4 RED [1, 2] 2\nTrue True\n[]\n", read.err


def test_a_program_that_has_the_flow_gets_its_classes(renamed: Project) -> None:
    program = """
    import metaflow, other
    data = metaflow.Flow("Keeps").latest_run.data
    assert type(data.x) is other.Res and data.x == other.Res(3) and type(data.config) is other.Res
    assert type(data.more["inner"]) is other.Res.Inner
    """
    read = renamed.python(str(renamed.write("read.py", program)))
    assert read.code == 0, read.err


@pytest.mark.parametrize("start", ["fork", "fresh"])
def test_a_run_is_resumed_and_a_step_is_tried_under_the_new_name(renamed: Project, start: str) -> None:
    done = renamed.python("other.py", "resume", "end", "--start", start)
    assert SEEN in done.out, done.err
    read = renamed.python(str(renamed.write("read.py", READ)))
    assert read.out.startswith("Res(a=3, version=1) 4 RED [1, 2] 2"), read.err
    spun = renamed.python("other.py", "spin", "work", "--start", start)
    assert spun.code == 0, spun.err


def test_commands_read_it(renamed: Project) -> None:
    run = renamed.latest().id
    dumped = renamed.python("other.py", "dump", f"{run}/end")
    assert "= Res(a=3, version=1)" in dumped.out, dumped.err
    dumped = renamed.flowc("dump", f"Keeps/{run}/end")
    assert "Res(a=3, version=1)" in dumped.out, dumped.err
    digest = renamed.latest().task("end", "0")["artifacts"]["x"]["digest"]
    written = renamed.flowc("artifact", f"Keeps/x@{digest[:12]}", "--output", "x.pickle")
    assert written.code == 0, written.err
    opened = renamed.python("-c", "import pickle; print(pickle.load(open('x.pickle', 'rb')))")
    assert opened.out == "Res(a=3, version=1)\n", opened.err
    assert renamed.flowc("dump", f"Keeps/{run}/end", "--file", "all.pickle").code == 0
    opened = renamed.python("-c", "import pickle; print(list(pickle.load(open('all.pickle', 'rb')).values())[0]['x'])")
    assert opened.out == "Res(a=3, version=1)\n", opened.err


def test_two_runs_with_two_versions_of_a_class(renamed: Project) -> None:
    first = renamed.latest().id
    renamed.write("flow.py", FLOW.replace("version: int = 1", "version: int = 2\n    also: str = 'new'"))
    assert renamed.python("flow.py", "run").code == 0
    (renamed.root / "flow.py").unlink()
    program = f"""
    from metaflow import Flow, Run
    new, old = Flow("Keeps").latest_run.data.x, Run("Keeps/{first}").data.x
    print(new, old, type(new) is type(old))
    """
    read = renamed.python(str(renamed.write("read.py", program)))
    assert read.out == "Res(a=3, version=2, also='new') Res(a=3, version=1) False\n", read.err


def test_a_step_takes_from_the_cache_what_the_flow_left_under_its_old_name(project: Project) -> None:
    text = FLOW.replace("    @step\n    def start", "    @cache\n    @step\n    def start")
    project.write("flow.py", text)
    project.write("helper.py", HELPER)
    assert project.python("flow.py", "run").code == 0
    (project.root / "flow.py").rename(project.root / "other.py")
    done = project.python("other.py", "run")
    assert done.code == 0, done.err
    assert SEEN in done.out


def test_code_that_cannot_be_imported_here_is_said_to_be_the_reason(project: Project) -> None:
    project.write("gone.py", "")
    project.write("flow.py", "import gone\n" + FLOW)
    project.write("helper.py", HELPER)
    assert project.python("flow.py", "run", PYTHONPATH=project.environment["PYTHONPATH"]).code == 0
    text = (project.root / "flow.py").read_text().replace("import gone", "import os\nos.environ['NEEDED']")
    (project.root / "flow.py").write_text(text)
    assert project.python("flow.py", "run", NEEDED="1").code == 0
    (project.root / "flow.py").unlink()
    read = project.python(str(project.write("read.py", READ)))
    assert "ModuleNotFoundError: No module named 'flow'; the stored code of run Keeps/" in read.err
    assert "raises KeyError: 'NEEDED'" in read.err


def test_a_file_whose_flow_starts_when_it_is_imported_does_not_start(project: Project) -> None:
    project.write("flow.py", FLOW.replace('if __name__ == "__main__":\n    Keeps()', "Keeps()"))
    project.write("helper.py", HELPER)
    assert project.python("flow.py", "run", "--start", "fork").code == 0
    (project.root / "flow.py").unlink()
    read = project.python(str(project.write("read.py", READ)))
    assert read.code == 1
    assert "No module named 'flow'; the stored code of run" in read.err


def test_files_in_other_encodings(project: Project) -> None:
    text = FLOW.replace("class Color", 'TEXT = "größe"\n\nclass Color').replace(
        "a: int\n", "a: int\n    text: str = TEXT\n"
    )
    (project.root / "flow.py").write_bytes(("# -*- coding: latin-1 -*-\n" + text).encode("latin-1"))
    (project.root / "helper.py").write_bytes(b"\xef\xbb\xbf" + HELPER.replace("\n", "\r\n").encode())
    assert project.python("flow.py", "run").code == 0
    for name in ("flow.py", "helper.py"):
        (project.root / name).unlink()
    read = project.python(str(project.write("read.py", READ)))
    assert "text='größe'" in read.out, read.err


def test_a_flow_with_secrets_leaves_no_files(project: Project) -> None:
    project.write("flow.py", FLOW.replace("    @step\n    def end", "    @secrets(sources=['env.TOKEN'])\n    @step\n    def end").replace("Config, FlowSpec", "Config, FlowSpec, secrets"))  # fmt: skip
    project.write("helper.py", HELPER)
    assert project.python("flow.py", "run", TOKEN="hidden").code == 0
    assert "sources" not in project.latest().record()
    (project.root / "flow.py").unlink()
    read = project.python(str(project.write("read.py", READ)))
    assert "No module named 'flow'; and the stored code of its run does not contain it" in read.err


def test_of_the_files_beside_a_flow_those_that_may_hold_secrets_stay_out(project: Project) -> None:
    project.write("flow.py", FLOW)
    project.write("helper.py", HELPER)
    project.write("other.py", "from metaflow import secrets\nVALUE = 'hidden-1'\n")
    project.write("key.json", '"hidden-2"')
    assert project.python("flow.py", "--package-suffixes", ".json", "run").code == 0
    files = read_sources(project.store.objects, project.latest().record())
    assert files is not None
    assert sorted(files) == ["flow.py", "helper.py"]


def test_a_setting_keeps_all_files_out_of_the_store(project: Project) -> None:
    project.write("flow.py", FLOW)
    project.write("helper.py", HELPER)
    assert project.python("flow.py", "run", FLOWC_KEEP_SOURCES="no").code == 0
    assert "sources" not in project.latest().record()
    done = project.python("flow.py", "run", FLOWC_KEEP_SOURCES="maybe")
    assert done.code != 0
    assert "error: FLOWC_KEEP_SOURCES=maybe: must be one of yes, no" in done.err
    assert "Traceback" not in done.err
    for value in ('"no"', "false"):
        project.write("flowc.toml", f"keep-sources = {value}\n")
        assert project.python("flow.py", "run").code == 0
        assert "sources" not in project.latest().record()


class Counted(MemoryObjects):
    """A store that counts the requests to create blobs."""

    written = 0

    def create_blob(self, parts: Sequence[Buffer]) -> str:
        self.written += 1
        return super().create_blob(parts)


def test_files_that_are_stored_already_are_not_sent_again() -> None:
    objects = Counted()
    files = [
        ("größe.py", "größe = '日本語'\n".encode()),
        ("odd.py", b"# coding: raw_unicode_escape\nx = '\\ud800\xff'\n"),
    ]
    first = store_sources(objects, files)
    assert first == store_sources(objects, files)
    assert objects.written == 1
    assert "größe = '日本語'".encode() in objects.get(blob_key(first["digest"]))
    record: Any = {"sources": first}
    assert read_sources(objects, record) == {
        "größe.py": "größe = '日本語'\n",
        "odd.py": "# coding: raw_unicode_escape\nx = '\ud800\xff'\n",
    }


ELSEWHERE = """
    from metaflow import FlowSpec, step

    class Config:
        kind = "the flow's"

    def score(number):
        return number

    class Takes(FlowSpec):
        @step
        def start(self):
            import sys
            sys.path.insert(0, "lib")
            import extlib
            self.value = extlib.{value}
            self.next(self.end)

        @step
        def end(self):
            print("got", self.value)

    if __name__ == "__main__":
        Takes()
    """


@pytest.mark.parametrize("value", ["Config()", "score"])
def test_a_name_of_another_module_is_not_taken_from_the_flow_s(project: Project, value: str) -> None:
    project.write("lib/extlib.py", "class Config:\n    pass\n\ndef score(number):\n    return 10 * number\n")
    project.write("flow.py", ELSEWHERE.format(value=value))
    done = project.python("flow.py", "--package-suffixes", ".none", "run")
    assert done.code == 1
    assert "got" not in done.out
    assert "No module named 'extlib'" in done.err


@pytest.mark.parametrize("lost", ["ir.json", "run.json"])
def test_a_run_that_has_lost_its_records_has_no_classes(renamed: Project, lost: str) -> None:
    run = renamed.latest()
    run.objects.delete(f"flows/{run.flow}/runs/{run.id}/{lost}")
    with pytest.raises(ArtifactError, match="and the stored code of its run does not contain it"):
        in_task(run).find("nowhere", "Thing")


DERIVES = """
    from metaflow import FlowSpec, step
    import lib.helpers
    import lib.more

    class Mine(lib.helpers.Base):
        def tell(self):
            return lib.more.VALUE

    class Derives(FlowSpec):
        @step
        def start(self):
            self.mine = Mine()
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        Derives()
    """
BASE = "class Base:\n    pass\n"


@pytest.fixture
def derived(project: Project) -> Project:
    """Run a flow whose values derive from a class of a package, and delete its file."""
    project.write("flow.py", DERIVES)
    project.write("lib/helpers.py", BASE)
    project.write("lib/more.py", "VALUE = 'then'\n")
    return project


def read_derived(project: Project, program: str) -> str:
    """Delete the flow's file, then return the output of a program whose variable `mine` is the stored value."""
    (project.root / "flow.py").unlink()
    read = project.python(
        "-c", f"from metaflow import Flow\nimport lib.helpers\nmine = Flow('Derives').latest_run.data.mine\n{program}"
    )
    assert read.code == 0, read.err
    return read.out


@pytest.mark.parametrize("package", [None, "", "NAME = 1\n"])
def test_a_package_that_is_the_same_serves_for_both(derived: Project, package: str | None) -> None:
    """If the package is unchanged since the run, the value's base class is the class that the program imports."""
    if package is not None:
        derived.write("lib/__init__.py", package)
    assert derived.python("flow.py", "run").code == 0
    assert read_derived(derived, "print(isinstance(mine, lib.helpers.Base), mine.tell())") == "True then\n"


@pytest.mark.parametrize("text", [BASE.encode().replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + BASE.encode()])
def test_a_file_with_other_ends_of_lines_or_a_mark_serves_for_both(derived: Project, text: bytes) -> None:
    (derived.root / "lib/helpers.py").write_bytes(text)
    assert derived.python("flow.py", "run").code == 0
    assert read_derived(derived, "print(isinstance(mine, lib.helpers.Base))") == "True\n"


def test_a_package_keeps_its_own_modules_beside_those_of_a_run(derived: Project) -> None:
    """If another module of the package has changed, the program imports the new one, and can read the value."""
    assert derived.python("flow.py", "run").code == 0
    derived.write("lib/more.py", "VALUE = 'by now'\n")
    program = "from lib import more; print(isinstance(mine, lib.helpers.Base), more.VALUE)"
    assert read_derived(derived, program) == "True by now\n"


def test_a_module_that_is_loaded_stays_that_of_its_package(derived: Project) -> None:
    derived.write("flow.py", DERIVES.replace("import lib.more", "from lib import more").replace("lib.more.V", "more.V"))
    assert derived.python("flow.py", "run").code == 0
    derived.write("lib/more.py", "VALUE = 'by now'\n")
    derived.write("lib/helpers.py", f"from lib import more\n{BASE}")
    program = "print(mine.tell(), lib.more.VALUE)"
    assert read_derived(derived, program) == "then by now\n"


def test_modules_of_a_package_that_has_changed_are_those_of_the_run(derived: Project) -> None:
    derived.write("lib/__init__.py", "NAME = 1\n")
    assert derived.python("flow.py", "run").code == 0
    derived.write("lib/__init__.py", "NAME = 'new'\n")
    program = "print(isinstance(mine, lib.helpers.Base), mine.tell(), lib.NAME, hasattr(lib, 'more'))"
    assert read_derived(derived, program) == "False then new False\n"
