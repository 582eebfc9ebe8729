"""The reference in docs/ equals the output of docs/reference/generate.py, and describes all commands and names."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from project import PACKAGES, ROOT

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

HERE = ROOT / "docs" / "reference"
PAGES = ("commands.md", "decorators.md", "settings.md", "errors.md")


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference_generator", HERE / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_what_the_generator_writes(generator: Any, page: str) -> None:
    assert generator.PAGES[page]() == (HERE / page).read_text("utf-8"), "run `make reference`"


def test_reading_the_commands_leaves_their_short_option_for_help() -> None:
    """Generating the page of commands does not remove `-h` from the commands, which click caches per process."""
    code = (
        "import generate, click.testing, flowc.cli as cli\n"
        "generate.commands_page()\n"
        "for words in ['compile'], ['deploy'], ['card', 'list'], ['runs']:\n"
        "    result = click.testing.CliRunner().invoke(cli.flowc_group(), [*words, '-h'])\n"
        "    assert result.exit_code == 0, result.output\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=HERE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_pages_are_all_there_are(generator: Any) -> None:
    assert set(generator.PAGES) == set(PAGES) == {path.name for path in HERE.glob("*.md")}


def test_every_decorator_is_described_with_every_argument(generator: Any) -> None:
    """For each decorator, the front end accepts exactly the arguments that the API declares and documents."""
    from flowc.frontends.metaflow.decorators.environments import TABLES
    from flowc.frontends.metaflow.decorators.flow_decorators import FLOW_DECORATORS
    from flowc.frontends.metaflow.decorators.policies import STEP_DECORATORS
    from flowc_ir.policies import ELSEWHERE

    declared = {each.name: each for each in generator.declared()}
    known = {*STEP_DECORATORS, *FLOW_DECORATORS, *TABLES, *(f"{name}_base" for name in TABLES), "pytorch_parallel"}
    assert set(declared) == known
    for name, each in declared.items():
        assert set(each.targets) == {"local", "argo"}, name
        assert [*each.types] == [*each.arguments], name
        if name not in (*ELSEWHERE, "pytorch_parallel"):
            assert set(each.types) == set(generator.kinds(name)), name


SAMPLES = {
    "cpu": 2, "memory": 100, "disk": 100, "image": "other:1", "image_pull_policy": "Always", "image_pull_secrets": ["key"],
    "service_account": "other", "secrets": ["mine"], "node_selector": {"disk": "ssd"}, "namespace": "other", "gpu": 1,
    "gpu_vendor": "amd", "tolerations": [{"key": "gpu"}], "labels": {"a": "b"}, "annotations": {"a": "b"}, "use_tmpfs": True,
    "tmpfs_tempdir": False, "tmpfs_size": 10, "tmpfs_path": "/mine", "persistent_volume_claims": {"claim": "/data"},
    "shared_memory": 10, "port": 80, "compute_pool": "pool", "executable": "/python", "hostname_resolution_timeout": 5,
    "qos": "guaranteed", "extended_resources": {"example.com/dongle": "1"}, "security_context": {"privileged": True},
}  # fmt: skip


@pytest.mark.usefixtures("fresh_imports")
@pytest.mark.parametrize("argument", SAMPLES)
def test_what_is_said_to_be_refused_is_refused(generator: Any, argument: str, tmp_path: Path) -> None:
    """If the reference says that `argo` refuses an argument or some of its values, the compiler refuses them."""
    from flowc.frontends.metaflow.flowspec import load
    from flowc.targets import BackendError
    from flowc.targets.argo import Settings, compile_flow

    (tmp_path / "flow.py").write_text(
        "from metaflow import FlowSpec, kubernetes, step\n\nclass Pods(FlowSpec):\n"
        f"    @kubernetes({argument}={SAMPLES[argument]!r})\n    @step\n    def start(self):\n        self.next(self.end)\n\n"
        "    @step\n    def end(self):\n        pass\n"
    )
    loaded = load(tmp_path / "flow.py")
    assert loaded.flow is not None, loaded.diagnostics
    (described,) = [each for each in generator.declared() if each.name == "kubernetes"]
    refused: set[str] = set()
    try:
        compile_flow(loaded.flow, loaded.package, Settings())
    except BackendError as error:
        refused = {fault.code for fault in error.diagnostics}
    assert refused == ({"argo-pod-option"} if "`argo` refuses" in described.arguments[argument] else set())


def test_every_argument_of_kubernetes_has_a_sample(generator: Any) -> None:
    assert set(SAMPLES) == set(generator.kinds("kubernetes"))


def test_every_command_is_described(generator: Any) -> None:
    """The reference describes every command and subcommand that `flowc --help` shows."""
    from flowc.cli import COMMANDS, FLOW_COMMANDS
    from flowc.cli.words.exit_codes import EXIT_CODES_OF

    text = (HERE / "commands.md").read_text("utf-8")
    for name in COMMANDS:
        assert f"\n## `flowc {name}`\n" in text
    for name in FLOW_COMMANDS:
        assert f"\n### `python flow.py {name}`\n" in text
    for name in EXIT_CODES_OF:
        assert f"`flowc {name}`\n" in text, f"the exit codes of {name} belong to no command"


def test_an_option_without_a_help_text_is_hidden(generator: Any) -> None:
    assert "|  |\n" not in (HERE / "commands.md").read_text("utf-8")


def test_the_script_writes_the_pages(tmp_path: Path) -> None:
    path = os.pathsep.join(str(ROOT / part) for part in PACKAGES)
    subprocess.run([sys.executable, str(HERE / "generate.py"), str(tmp_path)], env={"PYTHONPATH": path}, check=True)
    assert {path.name: path.read_text("utf-8") for path in tmp_path.iterdir()} == {
        page: (HERE / page).read_text("utf-8") for page in PAGES
    }
