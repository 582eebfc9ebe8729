"""Programs that run tasks: one function opens them all, and the program of a flow class can run only methods."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flowc.cli import context_of
from flowc.cli.options.loading import Checked
from flowc.cli.running.lowering import lower_for
from flowc.frontends.metaflow.flowspec import load
from flowc.targets.argo import Settings, compile_flow
from flowc.targets.table import default_target
from flowc_emulator.console.text_console import make_console
from flowc_emulator.plan import Plan
from flowc_emulator.scheduling.seeds import Seeds
from flowc_emulator.supervisor import Supervisor
from flowc_ir import Flow, Function, Method, Notebook, Shell, Stub
from flowc_ir.schema import dumps, loads
from flowc_ir.text import print_flow
from flowc_ir.verify import verify
from flowc_runtime.base import contract
from flowc_runtime.base.errors import ProtocolError
from flowc_runtime.base.index import Graph
from flowc_runtime.run.program import OPENS, Program, check_runnable, load_program, open_program
from flowc_runtime.run.task.breakpoints import CALL
from flowc_runtime.store.backends.memory import MemoryObjects
from flowc_runtime.store.records.store import Store
from metaflow._program import FlowProgram

if TYPE_CHECKING:
    from flowc.frontends.loaded import Loaded
    from flowc_ir import Action

pytestmark = pytest.mark.usefixtures("fresh_imports")

LINEAR = Path(__file__).parents[1] / "golden" / "linear" / "flow.py"
OTHERS: list[tuple[Action, str, str]] = [
    (Function(module="pkg.models", name="Model.fit"), "a function", "run function pkg.models:Model.fit"),
    (Notebook(file="explore/plot.ipynb"), "a notebook", "run notebook explore/plot.ipynb"),
    (Shell(command="echo 'a b'"), "a shell command", '''run shell "echo 'a b'"'''),
    (Stub(), "a stub", "run nothing"),
]
each_other = pytest.mark.parametrize(("action", "noun", "line"), OTHERS, ids=lambda value: type(value).__name__)


def loaded() -> tuple[Loaded, Flow, FlowProgram]:
    found = load(LINEAR)
    assert found.flow is not None
    assert found.program is not None
    return found, found.flow, found.program


def running(flow: Flow, action: Action, step: str = "middle") -> Flow:
    """Return a copy of the flow in which the step runs this action."""
    return replace(flow, nodes=tuple(replace(node, run=action) if node.id == step else node for node in flow.nodes))


def message(noun: str) -> str:
    rest = "write it as a method with @step, or write all steps without a class"
    return f"step 'middle' is {noun} beside methods of a flow class: {rest}"


# -- the kinds of nodes ------------------------------------------------------------------------------------------------


@each_other
def test_a_kind_comes_back_from_json_and_is_printed(action: Action, noun: str, line: str) -> None:
    flow = running(loaded()[1], action)
    assert loads(dumps(flow)) == flow
    assert verify(flow) == []
    assert f"  middle -> end\n    {line}\n" in print_flow(flow)


def test_a_method_of_another_name_is_printed_and_comes_back() -> None:
    flow = running(loaded()[1], Method(name="other"))
    assert loads(dumps(flow)) == flow
    assert '"run":{"method":"other"}' in dumps(flow)
    assert "  middle -> end\n    run method other\n" in print_flow(flow)


def test_a_flow_that_is_a_whole_file_comes_back() -> None:
    _, flow, _ = loaded()
    whole = replace(flow, code=replace(flow.code, name=""))
    assert '"name"' not in dumps(whole).partition('"code":{')[2].partition("}")[0]
    assert loads(dumps(whole)) == whole


@each_other
def test_what_cannot_be_run_is_refused_before_anything_runs(
    action: Action, noun: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found, flow, program = loaded()
    flow = running(flow, action)
    with pytest.raises(ProtocolError) as raised:
        check_runnable(flow)
    assert str(raised.value) == message(noun)
    with pytest.raises(ProtocolError, match="middle"):
        load_program(flow, str(LINEAR.parent))
    run = Store(MemoryObjects()).run(flow.name, "1")
    plan = Plan(run=run, records=run, graph=Graph(flow), program=program, parameters={}, user="me", max_workers=1,
                seeds=Seeds())  # fmt: skip
    with pytest.raises(ProtocolError, match="middle"):
        Supervisor(plan, make_console("text"))
    with pytest.raises(SystemExit):
        lower_for(default_target(), Checked(flow, program, found.package), {})
    assert capsys.readouterr().err == f"error: {message(noun)}\n"


@each_other
def test_run_refuses_it_and_makes_no_run(
    action: Action, noun: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    from flowc.cli.commands.flows import run as command

    found, flow, program = loaded()
    monkeypatch.chdir(tmp_path)
    words = command.words_of(context_of(command.run_command), ["flow.py"], command.RUN)
    checked = Checked(running(flow, action), program, found.package)
    made = command._command(checked, Seeds(), command.RUN, words, own=False)
    with pytest.raises(SystemExit) as ended:
        made.main(["flow.py"])
    assert ended.value.code == 1
    assert capsys.readouterr().err == f"error: {message(noun)}\n"
    assert list(tmp_path.iterdir()) == []


def test_argo_lowers_all_kinds_alike() -> None:
    """For every kind of action, the manifests are equal: they do not contain the action, which a pod reads from the
    IR."""
    found, flow, _ = loaded()

    def template(flow: Flow) -> Any:
        _, manifest = compile_flow(flow, found.package, Settings(image="flowc-runtime:golden")).manifests
        # the digest of code and IR always differs, because the IR contains the action
        for each in manifest["spec"]["templates"]:
            for variable in each.get("container", {}).get("env", []):
                if variable["name"] == contract.CODE_DIGEST:
                    variable["value"] = "a digest"
        return {**manifest["spec"], "volumes": [], "workflowMetadata": None}

    expected = template(flow)
    assert "step" in str(expected["templates"])
    for action, _, _ in OTHERS:
        assert template(running(flow, action)) == expected


# -- opening -----------------------------------------------------------------------------------------------------------


def test_a_program_is_opened_by_the_ir_and_the_code_s_directory() -> None:
    _, flow, program = loaded()
    opened: Program = open_program(flow, str(LINEAR.parent))
    assert isinstance(opened, FlowProgram)
    assert opened.cls.__name__ == "LinearFlow"
    assert opened.directory == program.directory == str(LINEAR.parent)
    code = opened.code_of(flow.nodes[1])
    assert code is not None
    assert code.co_name == "middle"


def test_code_of_another_flow_is_refused() -> None:
    _, flow, _ = loaded()
    with pytest.raises(ProtocolError, match=r"flow\.py defines no flow 'Renamed': run the task with the code package"):
        open_program(replace(flow, code=replace(flow.code, name="Renamed")), str(LINEAR.parent))


def test_the_debugger_knows_the_function_that_calls_steps() -> None:
    assert getattr(FlowProgram, CALL).__code__.co_name == CALL


def test_a_flow_class_has_one_name_of_ours_for_the_runtime() -> None:
    """The runtime adds only two attributes to `FlowSpec`, because steps cannot have the names of its attributes."""
    from metaflow import FlowSpec

    assert {name for name in vars(FlowSpec) if name.startswith("_flowc_")} == {OPENS, "_flowc_task"}
