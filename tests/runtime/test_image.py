"""The runtime image is complete: flows run with only the image's packages, and all imports succeed."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from dataclasses import replace
from importlib import metadata
from typing import TYPE_CHECKING

import pytest
import yaml

import image
from flowc.frontends.metaflow.decorators.flow_decorators import FLOW_DECORATORS
from flowc.frontends.metaflow.decorators.policies import ENVIRONMENTS, STEP_DECORATORS
from image_flows import FLOWS, REFUSED
from targets.argo.controller import play, start

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from project import Project
    from targets.argo.controller import Pod


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python interpreter of an environment with the image's contents."""
    return image.stand_in(tmp_path_factory.mktemp("image") / "flowc")


# -- flows -------------------------------------------------------------------------------------------------------------


def compiled(project: Project, name: str) -> list[dict[str, object]]:
    """Return the manifests of a flow in its own directory."""
    for file, text in FLOWS[name].items():
        project.write(f"code/{file}", text)
    done = project.flowc("compile", "code/flow.py", "--environment", "local")
    assert done.code == 0, done.err
    return list(yaml.safe_load_all(done.out))


@pytest.mark.parametrize("name", FLOWS)
def test_a_flow_runs_in_the_image(project: Project, python: Path, name: str) -> None:
    def run(pod: Pod) -> tuple[int, str]:
        env = {name: value for name, value in pod.env.items() if name != "PYTHONPATH"}
        return start(replace(pod, command=(str(python), *pod.command[1:]), env=env))

    url = f"file://{project.root}/store"
    done = play(compiled(project, name), url, project.root / "work", run=run)
    assert done.phase == "Succeeded", done.logs()
    assert "ran in the image" in done.logs()


def test_every_decorator_has_a_flow() -> None:
    decorators = {*STEP_DECORATORS, *FLOW_DECORATORS, *ENVIRONMENTS, *(f"{name}_base" for name in ENVIRONMENTS)}
    assert decorators - FLOWS.keys() == REFUSED.keys()
    for name in decorators & FLOWS.keys():
        assert f"@{name}" in "".join(FLOWS[name].values()), name


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_flow_is_refused(project: Project, name: str) -> None:
    project.write("flow.py", REFUSED[name])
    done = project.flowc("compile", "flow.py")
    assert (done.code, "error[argo-" in done.err) == (1, True), done.err


# -- imports -----------------------------------------------------------------------------------------------------------

OURS = {"metaflow", "flowc", "flowc_ir", "flowc_runtime", "flowc_emulator"}
# package that the image lacks -> the module that imports it; a pod imports the module only if its image has the package
OTHERS = {
    "IPython": "metaflow.runner._notebook",
    "mlflow": "flowc_runtime.run.metrics.mlflow_tracker",
    "jupyter_client": "flowc_runtime.run.nodes.programs.notebook_kernel",
    "nbclient": "flowc_runtime.run.nodes.programs.notebook_kernel",
    "nbformat": "flowc_runtime.run.nodes.programs.notebook_kernel",
    "coverage": "flowc_runtime.process.ending",
    "pandas": "metaflow.client.metrics",
    "yaml": "metaflow.plugins.parsers",
}


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return our modules in the image, by their names."""
    work = tmp_path_factory.mktemp("contents")
    (site := work / "site").mkdir()
    image.copy_packages(site, work / "context")
    found = {}
    for path in site.rglob("*.py"):
        parts = path.relative_to(site).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(name: str, path: Path) -> Iterator[str]:
    """Return the imports of a module, including those in functions, but not those for type checkers."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    waiting: list[ast.AST] = [ast.parse(path.read_text("utf-8"))]
    while waiting:
        match node := waiting.pop():
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                waiting += node.orelse
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom():
                above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
                base = ".".join([*above, *([node.module] if node.module else [])])
                yield from (f"{base}.{alias.name}" for alias in node.names)
            case ast.Call(func=ast.Name(id="import_module"), args=[ast.Constant(value=str(module))]):
                yield module
            case _:
                waiting += ast.iter_child_nodes(node)


def test_the_imports_of_a_module_are_found(tmp_path: Path) -> None:
    (path := tmp_path / "__init__.py").write_text(
        "import a.b\nif TYPE_CHECKING:\n    import c\nelse:\n    import d\n"
        "def f():\n    from . import e\n    from ..g import h\n    return import_module('i')\n"
    )
    assert sorted(imports("p.q", path)) == ["a.b", "d", "i", "p.g.h", "p.q.e"]


def test_what_its_modules_import_is_in_the_image(modules: dict[str, Path]) -> None:
    assert {"flowc_runtime.__main__", "flowc.steps", "metaflow.plugins.cards._renderer"} <= modules.keys()
    missing = sorted(
        f"{name} imports {imported}"
        for name, path in modules.items()
        for imported in imports(name, path)
        if imported.partition(".")[0] in OURS and not {imported, imported.rpartition(".")[0]} & modules.keys()
    )
    assert missing == []


def test_packages_of_others_are_in_the_image(modules: dict[str, Path]) -> None:
    names = {name.replace("-", "_").replace("_py", "") for name in image.requirements()}
    missing = {
        (imported.partition(".")[0], name)
        for name, path in modules.items()
        for imported in imports(name, path)
        if imported.partition(".")[0] not in OURS | names | set(sys.stdlib_module_names)
    }
    assert missing == set(OTHERS.items())


def test_requirements_are_complete() -> None:
    """The image contains all requirements of its packages, for each version of Python that it may have."""
    listed = image.requirements()
    for name in listed:
        needed = (text for text in metadata.requires(name) or () if "extra ==" not in text)
        for text in needed:
            required = text.split(";")[0].rstrip("~=<>.0123456789 ").replace("-", "_")
            assert required in {each.replace("-", "_") for each in listed}, f"{name} needs {text}"


def test_each_module_can_be_imported_in_the_image(python: Path, modules: dict[str, Path]) -> None:
    """All modules except `metaflow.runner` can be imported; pods do not use `metaflow.runner`, which starts flows."""
    names = [name for name in modules if not name.startswith("metaflow.runner") and not name.endswith("__main__")]
    program = (
        "import importlib, json, sys\n"
        "failed = {}\n"
        "for name in json.load(sys.stdin):\n"
        "    try: importlib.import_module(name)\n"
        "    except BaseException as error: failed[name] = repr(error)\n"
        "print(json.dumps(failed))\n"
    )
    done = subprocess.run([python, "-c", program], input=json.dumps(names), capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == {}
