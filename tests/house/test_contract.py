"""The names and codes that pods and manifests share are defined in one module; no other module repeats them."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from flowc.frontends.metaflow.flowspec import load
from flowc.targets.argo import Settings, compile_flow
from flowc_emulator import supervisor
from flowc_ir import Catch, Node, Retry
from flowc_runtime.__main__ import main
from flowc_runtime.base import contract
from flowc_runtime.base.config import config_keys
from flowc_runtime.base.config.configuration import FILE_VARIABLE
from project import PACKAGES, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTRACT = ROOT / "runtime_image/flowc_runtime/base/contract.py"
# The file contains names of variables, but it is generated from help texts, so the tests skip it.
GENERATED = ROOT / "compiler/flowc/completion/command_table.py"
FILES = [path for part in PACKAGES for path in sorted((ROOT / part).rglob("*.py")) if path not in (CONTRACT, GENERATED)]
NAMES = {name: value for name, value in vars(contract).items() if name.isupper()}
VARIABLES = {value for value in NAMES.values() if re.fullmatch(r"(FLOWC|MF)_[A-Z_]+", str(value))}

# Variables that users set for commands on their own machine are in the table of settings. FLOWC_STORE is the exception:
# users set it, and manifests set it for pods, too.
SETTINGS = {setting.variable for setting in config_keys.SETTINGS} - {contract.STORE} | {"FLOWC_COMPLETE", FILE_VARIABLE}
OWNERS = {  # (file, value): this file, too, may contain this value of the contract; the comment gives the reason
    (
        "runtime_image/flowc_runtime/base/config/config_keys.py",
        contract.STORE,
    ),  # users set FLOWC_STORE too, as a setting
    ("compiler/flowc_ir/versions.py", "flowc.dev/"),  # the IR may not import the contract, which is in the runtime
}
NUMBERS = {
    contract.NOT_STARTED,
    contract.INFRASTRUCTURE,
    contract.NO_RETRY,
    contract.DISALLOW_RETRY,
    contract.TIMEOUT_GRACE,
}
TEXTS = (contract.OUT_DIRECTORY, contract.IR_FILE, "lastRetry", "flowc.dev/")
# `--status` is not in this set, because it is also an option of `flowc runs`
WHOLE = {contract.PATH, contract.RETRY, contract.CODE_ROOT}


def literals(text: str) -> Iterator[tuple[int, str]]:
    """Yield (line, value) for each literal in the source text that contains a value of the contract; docstrings are
    left out."""
    tree = ast.parse(text)
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or id(node) in told:
            continue
        match node.value:
            case bool():
                continue
            case int() | float() if node.value in NUMBERS:
                yield node.lineno, str(node.value)
            case str() | bytes():
                value = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
                found = set(re.findall(r"(?<![A-Z_])(?:FLOWC|MF_PARALLEL)_[A-Z_]*[A-Z]", value)) - SETTINGS
                found |= {text for text in TEXTS if text in value} | {value} & WHOLE
                yield from ((node.lineno, one) for one in sorted(found))


def test_no_literal_of_the_contract_stands_elsewhere() -> None:
    assert len(FILES) > 300
    found = {(str(path.relative_to(ROOT)), *one) for path in FILES for one in literals(path.read_text("utf-8"))}
    assert sorted(one for one in found if (one[0], one[2]) not in OWNERS) == []
    assert {(file, literal) for file, _, literal in found} >= OWNERS


@pytest.mark.parametrize(
    "text",
    [
        "x = os.environ['FLOWC_RUN']", "x = b'FLOWC_RUN=%s'", "x = f'{y} FLOWC_USER'", "f('MF_PARALLEL_MAIN_IP')",
        "sys.exit(79)", "x = code == 75", "GRACE = 120.0", "code = 70", "open('/tmp/flowc/out/count')",
        "x = ['task', step, '--path', path]", "x = \"lastRetry.exitCode != '1'\"", "x = labels['flowc.dev/step']",
        "x = {'mount': '/flowc'}",
    ],
)  # fmt: skip
def test_a_literal_is_found(text: str) -> None:
    assert [line for line, _ in literals(f"import os\n{text}\n")] == [2]


def test_what_is_for_readers_is_left_alone() -> None:
    assert list(literals('"""The variable FLOWC_RUN, and 79."""\nx = 64\ny = True\n')) == []


# -- the use of each constant ------------------------------------------------------------------------------------------


def test_every_constant_is_used_and_explained() -> None:
    """Every constant is used and has a comment."""
    text = "".join(path.read_text("utf-8") for path in FILES)
    own = CONTRACT.read_text("utf-8")
    unused = [
        name for name in NAMES if not re.search(rf"\b{name}\b", text) and len(re.findall(rf"\b{name}\b", own)) < 2
    ]
    assert unused == []
    tree = ast.parse(own)
    for statement, following in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(statement, ast.AnnAssign):
            assert isinstance(following, ast.Expr), ast.unparse(statement)


def test_variables_say_who_writes_and_who_reads_them() -> None:
    own = CONTRACT.read_text("utf-8")
    # these two variables have no text of their own: the text about POD describes them
    for variable in VARIABLES - {contract.POD_UID, contract.NODE}:
        told = own.partition(f'"{variable}"\n')[2].partition('"""')[2].partition('"""')[0]
        assert "ritten by" in told, variable
        assert re.search(r"read (?:only )?by|for the user's code|under Metaflow's name", told), variable


def node(**policies: Any) -> Node:
    loaded = load(ROOT / "tests" / "golden" / "linear" / "flow.py")
    assert loaded.flow is not None
    return replace(loaded.flow.nodes[0], **policies)


@pytest.mark.usefixtures("fresh_imports")
@pytest.mark.parametrize(
    ("policies", "retries", "limit"),
    [
        ({}, 0, 0),
        ({"retry": Retry(times=2)}, 2, 2),
        ({"catch": Catch()}, 0, 1),
        ({"retry": Retry(times=2), "catch": Catch(var="why")}, 2, 3),
    ],
)
def test_attempts_are_counted_once_for_compiler_and_runtime(policies: dict[str, Any], retries: int, limit: int) -> None:
    assert (contract.retries(node(**policies)), contract.attempts_limit(node(**policies))) == (retries, limit)


@pytest.mark.usefixtures("fresh_imports")
def test_manifests_say_what_the_runtime_reads() -> None:
    """The entry point accepts the arguments in manifests, and reads the variables that manifests set."""
    loaded = load(ROOT / "tests" / "golden" / "policies" / "flow.py")
    assert loaded.flow is not None
    _, template, *_ = compile_flow(loaded.flow, loaded.package, Settings(image="i")).manifests
    containers = [each["container"] for each in template["spec"]["templates"] if "container" in each]
    assert containers
    for container in containers:
        assert tuple(container["command"]) == contract.COMMAND
        given = {variable["name"] for variable in container["env"]}
        assert {name for name in given if name.startswith("FLOWC_")} <= VARIABLES
        assert {contract.STORE, contract.RUN, contract.CODE, contract.IR, contract.POD} <= given


def test_the_entrypoint_takes_the_arguments(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(contract.IR, raising=False)
    for arguments in (contract.task_arguments("train", "0.3", "1"), contract.finish_arguments("Succeeded")):
        assert main(arguments) == contract.NO_RETRY
        assert capsys.readouterr().err == f"flowc: the environment variable {contract.IR} is not set\n"


def test_the_emulator_kills_when_a_pod_would_be() -> None:
    assert supervisor.TIMEOUT_GRACE is contract.TIMEOUT_GRACE


# -- files that are not Python -----------------------------------------------------------------------------------------


def test_the_image_has_what_the_command_needs() -> None:
    text = (ROOT / "Dockerfile").read_text("utf-8")
    python, _, module = contract.COMMAND
    assert f"COPY runtime_image/{module} /source/{module}\n" in text
    assert f'CMD ["{python}"]' in text
    assert f"HOME={contract.TMP} " in text
    assert f"WORKDIR {contract.TMP}\n" in text


def test_the_chart_s_workflow_says_the_same() -> None:
    """The Workflow in the chart's test, which is a compiled flow, uses only names of the current contract."""
    text = (ROOT / "helm" / "flowc" / "files" / "test" / "workflow.yaml").read_text("utf-8")
    assert set(re.findall(r"FLOWC_[A-Z_]+", text)) <= VARIABLES
    (spec,) = (document["spec"] for document in yaml.safe_load_all(text) if document["kind"] == "Workflow")
    templates = [each for each in spec["templates"] if "container" in each]
    assert len(templates) == 3
    for each in templates:
        container = each["container"]
        assert tuple(container["command"]) == contract.COMMAND
        values = {variable["name"]: variable.get("value") for variable in container["env"]}
        assert values[contract.IR] == f"{contract.CODE_ROOT}/{contract.IR_FILE}"
        assert values[contract.CODE] == f"{contract.CODE_ROOT}/{contract.CODE_DIRECTORY}"
        assert container["args"][0] in (contract.TASK, contract.FINISH)
        if each["name"] != contract.FINISH:
            assert each["retryStrategy"]["expression"] == contract.RETRY_EXPRESSION
    outputs = [out["valueFrom"]["path"] for each in templates for out in each.get("outputs", {}).get("parameters", [])]
    assert outputs == [f"{contract.OUT_DIRECTORY}/{contract.COUNT}"]
