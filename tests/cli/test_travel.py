"""The files that are packaged with a flow, and the messages of `compile` about files that are not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from project import Finished, Project

FLOW = """
    {imports}
    from pathlib import Path
    from metaflow import Config, FlowSpec, IncludeFile, current, parallel, step

    HERE = Path(__file__).parent

    class Travels(FlowSpec):
        notes = IncludeFile("notes", default="notes.txt")
        settings = Config("settings", default="settings.json")

        @step
        def start(self):
            {code}
            self.next(self.train, num_parallel=2)

        @parallel
        @step
        def train(self):
            self.q = (HERE / "sql" / "query.sql").read_text() + (HERE / "table.csv").read_text()
            self.next(self.join)

        @step
        def join(self, inputs):
            self.all = [i.q for i in inputs]
            self.next(self.end)

        @step
        def end(self):
            print(self.all)

    if __name__ == "__main__":
        Travels()
    """
COMPILE = ("--target", "argo", "--image", "i", "--store", "s3://bucket/prefix")


@pytest.fixture
def files(project: Project) -> Project:
    write(project)
    for name in ("notes.txt", "sql/query.sql", "table.csv", "README.md", "sql/other.sql"):
        project.write(name, f"in {name}")
    project.write("settings.json", "{}")
    return project


def write(project: Project, imports: str = "import os", code: str = "pass") -> None:
    project.write("flow.py", FLOW.format(imports=imports, code=code))


def packed(done: Finished) -> set[str]:
    """Return the files of the code package in manifests."""
    assert done.code == 0, done.err
    manifests: list[dict[str, Any]] = list(yaml.safe_load_all(done.out))
    template = next(manifest for manifest in manifests if manifest["kind"] == "WorkflowTemplate")
    (code,) = (volume for volume in template["spec"]["volumes"] if "configMap" in volume)
    return {item["path"] for item in code["configMap"]["items"]} - {"ir/ir.json"}


def test_compile_says_which_files_the_code_names_are_left_behind(files: Project) -> None:
    done = files.flowc("compile", "flow.py", *COMPILE)
    assert packed(done) == {"code/flow.py"}
    assert done.err == (
        "note: 2 files that the code names will not be packaged with it: sql/query.sql, table.csv; "
        "--package-suffixes .sql,.csv includes them\n"
    )


@pytest.mark.parametrize("way", ["option", "variable", "metaflow", "file", "both"])
def test_suffixes_take_files_along(files: Project, way: str) -> None:
    options, variables = [], {}
    if way in ("option", "both"):
        options = ["--package-suffixes", ".sql,.csv" if way == "option" else ".csv"]
    if way in ("variable", "both"):
        variables["FLOWC_PACKAGE_SUFFIXES"] = ".sql, .csv" if way == "variable" else ".sql"
    if way == "metaflow":
        variables["METAFLOW_DEFAULT_PACKAGE_SUFFIXES"] = ".py,.R,.sql,.csv"
    if way == "file":
        files.write("flowc.toml", 'package-suffixes = ".sql,.csv"\n')
    done = files.flowc("compile", "flow.py", *COMPILE, *options, **variables)
    assert packed(done) == {"code/flow.py", "code/sql/query.sql", "code/sql/other.sql", "code/table.csv"}
    assert done.err == ""


def test_metaflow_s_option_before_the_command(files: Project) -> None:
    """Local tasks of a gang can read the files, with and without the option `--package-suffixes`."""
    for options in ((), ("--package-suffixes", ".sql,.csv")):
        done = files.python("flow.py", *options, "run")
        assert done.code == 0, done.err
        assert done.out.count("in sql/query.sql") == 2
    done = files.python("flow.py", "--package-suffixes", ",", "run")
    assert done.code == 2
    assert "--package-suffixes is a list such as .sql,.csv, not ','" in done.err


def test_the_program_that_runs_is_no_module_of_the_flow(files: Project) -> None:
    """`multiprocessing` also imports the file, as `__mp_main__`, which causes no warning about a second module."""
    write(files, "from metaflow import *", "import multiprocessing")
    done = files.flowc("compile", "flow.py", *COMPILE)
    assert packed(done) == {"code/flow.py"}
    assert "__mp_main__" not in done.err


def test_modules_that_are_found_elsewhere_are_told(files: Project) -> None:
    files.write("src/shared/__init__.py", "")
    files.write("src/shared/vals.py", "X = 5\n")
    files.write("src/late.py", "Y = 6\n")
    write(files, "from shared.vals import X", "import late, json")
    environment = {"PYTHONPATH": f"{files.root / 'src'}:{files.environment['PYTHONPATH']}"}
    files.write("elsewhere/flow.py", (files.root / "flow.py").read_text())
    for name in ("notes.txt", "settings.json"):
        files.write(f"elsewhere/{name}", "{}")
    done = files.flowc("compile", "elsewhere/flow.py", *COMPILE, **environment)
    assert packed(done) == {"code/flow.py"}
    src = files.root / "src"
    assert (
        f"note: 2 modules that the flow imports will not be packaged with it: late ({src}/late.py), shared ({src}/shared);"
        in (done.err)
    )
    done = files.flowc("run", "elsewhere/flow.py", **environment)
    assert "travel" not in done.err


def test_an_editable_install_is_told(files: Project) -> None:
    """An editable installation by setuptools may use an import hook instead of a directory on sys.path."""
    files.write("work/lib/edited/__init__.py", "X = 1\n")
    files.write(
        "finders/sitecustomize.py",
        f"""
        import sys
        from importlib.util import spec_from_file_location

        class Finder:
            @classmethod
            def find_spec(cls, name, path=None, target=None):
                if name == "edited":
                    place = {str(files.root / "work/lib/edited")!r}
                    return spec_from_file_location(name, place + "/__init__.py", submodule_search_locations=[place])

        sys.meta_path.append(Finder)
        """,
    )
    write(files, "import edited")
    files.write("elsewhere/flow.py", (files.root / "flow.py").read_text())
    for name in ("notes.txt", "settings.json"):
        files.write(f"elsewhere/{name}", "{}")
    environment = {"PYTHONPATH": f"{files.root / 'finders'}:{files.environment['PYTHONPATH']}"}
    done = files.flowc("compile", "elsewhere/flow.py", *COMPILE, **environment)
    assert done.code == 0, done.err
    assert (
        f"a module that the flow imports will not be packaged with it: edited ({files.root}/work/lib/edited)"
        in done.err
    )


def test_a_large_directory_is_no_fault_of_a_run_on_this_machine(files: Project) -> None:
    for number in range(2_001):
        (files.root / "sql" / f"f{number}.py").touch()
    done = files.python("flow.py", "run")
    assert done.code == 0, done.err
    assert files.flowc("check", "flow.py").code == 0
    done = files.flowc("compile", "flow.py", *COMPILE)
    assert done.code == 1
    assert "error[package-too-large]: the code package would have 2,002 files" in done.err
    assert done.out == ""


def test_a_cached_step_depends_on_all_files_of_a_large_directory(files: Project) -> None:
    for number in range(2_001):
        (files.root / "sql" / f"f{number}.py").touch()

    def digest() -> str:
        done = files.flowc("ir", "flow.py", "--with", "cache")
        assert done.code == 0, done.err
        nodes = {node["id"]: node for node in json.loads(done.out)["nodes"]}
        return str(nodes["start"]["cache"])

    before = digest()
    assert digest() == before
    (files.root / "sql" / "f1.py").write_text("X = 1\n")
    assert digest() != before
