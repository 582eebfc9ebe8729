"""The modules that each import loads, and the public names; these tests protect start-up time and layering."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

from project import PACKAGES, ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from project import Project

HEAVY = {"hera", "pydantic", "kubernetes", "rich", "obstore", "yaml", "jsonschema", "numpy", "asyncio"}
OURS = {"metaflow", "flowc", "flowc_ir", "flowc_runtime", "flowc_emulator"}
PUBLIC = (
    "metaflow",
    "flowc",
    "flowc_ir",
    "flowc.plugins",
    "flowc.executors",
    "flowc_runtime.store_plugins",
    "flowc.targets",
    "flowc.targets.argo",
    "flowc.steps",
    "flowc.testing",
    "flowc_runtime",
    "flowc_emulator",
)

_PROBE = """
import json, sys
before = set(sys.modules)
{statement}
print(json.dumps(sorted(set(sys.modules) - before)))
"""


@pytest.fixture
def loaded(project: Project) -> Callable[[str], set[str]]:
    """Return the modules that a statement loads in a new Python process."""

    def probe(statement: str) -> set[str]:
        done = project.python("-c", _PROBE.format(statement=statement))
        assert done.code == 0, done.err
        return set(json.loads(done.out.splitlines()[-1]))

    return probe


def packages(modules: set[str]) -> set[str]:
    """Return the top-level packages of modules."""
    return {name.partition(".")[0] for name in modules}


def modules_of(package: str) -> list[str]:
    """Return all modules of one of our packages, from their files."""
    (root,) = (ROOT / parent / package for parent in PACKAGES if (ROOT / parent / package).is_dir())
    names = (path.relative_to(root.parent).with_suffix("").parts for path in sorted(root.rglob("*.py")))
    return [".".join(parts).removesuffix(".__init__") for parts in names if parts[-1] != "__main__"]


def test_metaflow_is_light(loaded: Callable[[str], set[str]]) -> None:
    """`import metaflow` loads few modules, because every task of every flow imports it."""
    modules = loaded("import metaflow")
    assert not packages(modules) & (HEAVY | {"click", "cloudpickle", "flowc_emulator", "pathlib"})
    assert not any(name.startswith(("flowc.frontends", "flowc.targets", "flowc.cli")) for name in modules)
    # these modules are needed only to read runs, and are large
    assert not modules & {
        "flowc_ir.model",
        "flowc_runtime.store.records.stored",
        "flowc_runtime.store.records.shapes",
        "platform",
    }


def test_flowc_is_empty(loaded: Callable[[str], set[str]]) -> None:
    """`import flowc` loads only a module with the version."""
    assert loaded("import flowc") == {"flowc"}


def test_help_is_light(loaded: Callable[[str], set[str]]) -> None:
    """`flowc --help` lists the commands without importing them."""
    modules = loaded(
        "import contextlib\n"
        "import flowc.cli\n"
        "sys.argv = ['flowc', '--help']\n"
        "with contextlib.suppress(SystemExit):\n"
        "    flowc.cli.main()"
    )
    assert not packages(modules) & (HEAVY | {"cloudpickle", "flowc_emulator", "flowc_runtime", "metaflow"})
    assert {name for name in modules if name.startswith("flowc")} <= {
        "flowc",
        "flowc.cli",
        "flowc.cli.commands",
        "flowc.cli.commands.deployed",
        "flowc.cli.light_click",
        "flowc.cli.options.common",
        "flowc.cli.rendering",
        "flowc.cli.rendering.streams",
        "flowc.targets",
        "flowc.targets.argo",
        "flowc.targets.argo.commands",
        "flowc.targets.deployment",
        "flowc.targets.table",
        "flowc_ir",
        "flowc_ir.late",
        "flowc_ir.late.namedtuple",
    }
    assert "dataclasses" not in modules  # importing this module would take a third of the time of `flowc --help`


def test_the_cluster_s_client_is_imported_lazily(loaded: Callable[[str], set[str]]) -> None:
    """Only commands that talk to a cluster import the Kubernetes client."""
    modules = loaded("\n".join(f"import {name}" for name in modules_of("flowc") if "cluster" in name))
    assert not packages(modules) & (HEAVY | {"cloudpickle", "flowc_emulator", "urllib3"})
    assert not any(name.startswith("flowc.cli.") for name in loaded("import flowc.targets.argo.cluster.control"))


def test_exporting_a_run_needs_no_web_server(loaded: Callable[[str], set[str]]) -> None:
    assert {"starlette", "uvicorn", "anyio"} & loaded("import flowc.ui.exporting") == set()


@pytest.mark.parametrize("command", ["check", "ir"])
def test_reading_a_flow_is_light(project: Project, command: str) -> None:
    """Checking a flow needs neither Hera nor the emulator."""
    flow = str(ROOT / "tests" / "golden" / "linear" / "flow.py")
    code = f"import sys, flowc.cli\nsys.argv = ['flowc', {command!r}, {flow!r}]\ntry: flowc.cli.main()\nfinally: "
    done = project.python("-c", code + "print(*sys.modules, file=sys.stderr)")
    assert done.code == 0, done.err
    assert not packages(set(done.err.split())) & (HEAVY | {"cloudpickle", "flowc_emulator"})


@pytest.mark.parametrize("module", modules_of("flowc_ir"))
def test_ir_needs_the_standard_library_only(loaded: Callable[[str], set[str]], module: str) -> None:
    """The IR imports only the standard library, because a pod contains it without the compiler."""
    modules = loaded(f"import {module}")
    assert packages(modules) - set(sys.stdlib_module_names) == {"flowc_ir"}


def test_runtime_needs_the_ir_only(loaded: Callable[[str], set[str]]) -> None:
    """The runtime imports neither the authoring API nor the compiler."""
    modules = loaded("\n".join(f"import {name}" for name in modules_of("flowc_runtime")))
    assert packages(modules) - set(sys.stdlib_module_names) == {"flowc", "flowc_ir", "flowc_runtime"}
    # the package `flowc` itself contains only the version
    assert not any(name.startswith("flowc.") for name in modules)


def test_authoring_needs_the_runtime_and_the_ir_only(loaded: Callable[[str], set[str]]) -> None:
    """The authoring API imports neither the compiler nor the emulator nor the command line."""
    modules = loaded("\n".join(f"import {name}" for name in modules_of("metaflow")))
    assert packages(modules) & OURS <= {"metaflow", "flowc", "flowc_ir", "flowc_runtime"}
    assert not any(name.startswith("flowc.") for name in modules)


def test_every_name_can_be_had_in_a_pod() -> None:
    """`from metaflow import *` imports all names, although the image has neither click nor the compiler's packages."""
    lacking = ["click", "hera", "pydantic", "yaml", "kubernetes", "rich", "jsonschema", "numpy", "pandas"]
    program = (
        "import sys\n"
        "class Lacking:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.split('.')[0] in {lacking!r}: raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Lacking())\n"
        "from metaflow import *\n"
    )
    path = os.pathsep.join(str(ROOT / part) for part in PACKAGES)
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_emulator_needs_the_runtime_and_the_ir_only(loaded: Callable[[str], set[str]]) -> None:
    """The emulator runs the IR and imports no front end."""
    modules = loaded("\n".join(f"import {name}" for name in modules_of("flowc_emulator")))
    assert packages(modules) & OURS <= {"flowc", "flowc_ir", "flowc_runtime", "flowc_emulator"}
    assert not any(name.startswith("flowc.") for name in modules)
    assert not packages(modules) & HEAVY


def test_the_compiler_imports_neither_hera_nor_pydantic(loaded: Callable[[str], set[str]]) -> None:
    """Importing Hera or pydantic would take more than half of the time of `flowc compile`."""
    pytest.importorskip("hera")
    modules = loaded("import flowc.targets.argo.compiler as c; c.hera_models.m.Template, c.hera_models.m.Container")
    assert "flowc.targets.argo.hera.plain_models" in modules
    assert not packages(modules) & HEAVY


def test_only_the_models_of_hera_are_imported(loaded: Callable[[str], set[str]]) -> None:
    """Code that imports Hera's models does not import other parts of Hera, such as its HTTP client."""
    pytest.importorskip("hera")
    modules = loaded("from flowc.targets.argo import hera_models\nwith hera_models.imported(): hera_models.m.Template")
    assert "hera.workflows.models" in modules
    assert not packages(modules) & {"requests", "urllib3"}


@pytest.mark.parametrize(
    "statement",
    [
        "import hera.workflows as w; w.Workflow, w.models",
        "from hera.workflows import *; Workflow",
        "from hera import workflows; workflows.Workflow",
    ],
)
def test_a_flow_that_imports_hera_has_all_of_it(project: Project, statement: str) -> None:
    pytest.importorskip("hera")
    program = f"""
        import gc
        from flowc.targets.argo.hera_models import imported, m

        read = m.Template
        with imported():
            assert gc.isenabled()
            {statement}
            from hera.workflows import models

            assert m.Template is models.Template
        assert m.Template is not models.Template
        """
    project.write("program.py", program)
    project.environment.pop("PYTHONWARNINGS")  # importing Hera may print warnings, which are not errors here
    done = project.python("program.py")
    assert done.code == 0, done.err


def test_public_names(golden: Callable[[Path, str], None]) -> None:
    """A change of public names needs `--update-golden` and a line in CHANGELOG.md."""
    pytest.importorskip("hera")
    lines = []
    for name in PUBLIC:
        module = import_module(name)
        exported = list(getattr(module, "__all__", ()))
        assert exported == [n for n in exported if hasattr(module, n)], f"{name}.__all__ contains a missing name"
        lines += [name, *(f"    {public}" for public in sorted(exported))]
    golden(ROOT / "tests" / "public_api.txt", "\n".join(lines) + "\n")
