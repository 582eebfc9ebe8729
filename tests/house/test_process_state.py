"""The changeable state of a process is in the object `ambient()`: no function assigns to a global name of a module."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from house.graph import modules
from project import ROOT

ALLOWED = {
    "flowc.frontends.syntax_trees:_shared": "a cache, which a command keeps as long as it runs",
    "flowc_runtime.base.ambient:_ambient": "the object itself",
    "flowc_runtime.process.collecting:_usual": "belongs to a process, like the threshold that it keeps",
    "flowc_runtime.process.ending:_coverage": "belongs to a process; `begin` creates a new one at each fork",
    "flowc_runtime.process.ending:_ended": "as `_coverage`",
    "flowc_runtime.process.ending:_mark": "as `_coverage`",
    "flowc_runtime.process.origin:_defined": "belongs to the program: its state when its flow was defined",
    "flowc_runtime.process.process:_prepared": "the standard streams of all processes that this process forks",
    "flowc_runtime.process.writers:_fflush": "a function of the C library, looked up once",
    "flowc.cli.running.beginning:_here": "the handlers of signals, which exist once per process",
    "flowc.pipeline.stream_queue:_queue": "the program's queue of events, for all its executions",
    "metaflow._extensions:_found": "the installed extensions, looked up once",
    "metaflow._extensions:_known": "as `_found`",
    "metaflow._extensions:_finder": "the entry in `sys.meta_path`, which exists once per process",
    "metaflow.plugins.datatools.s3.channel:_process": "the helper process of this process; a forked process starts its own",
    "metaflow.plugins.datatools.s3.channel:_lock": "as `_process`",
}
"""Names that functions may rebind, `MODULE:NAME`, with the reason why they are not in `Ambient`."""


def rebound(name: str, tree: ast.Module, known: set[str]) -> set[str]:
    """Return MODULE:NAME for each name that a function rebinds with `global` or sets in another module of ours."""
    found = {f"{name}:{each}" for node in ast.walk(tree) if isinstance(node, ast.Global) for each in node.names}
    ours: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            ours |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
        elif isinstance(node, ast.Import):
            ours |= {each.asname: each.name for each in node.names if each.asname}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name):
            module = ours.get(node.value.id)
            if module in known:
                found.add(f"{module}:{node.attr}")
    return found


def test_what_is_rebound_is_found() -> None:
    text = "from a import b\nimport a.c as d\nx = 0\ndef f(own):\n    global x\n    x = b.y = d.z = own.w = 1\n"
    assert rebound("m", ast.parse(text), {"a.b", "a.c"}) == {"m:x", "a.b:y", "a.c:z"}


def test_modules_have_no_state_that_functions_rebind() -> None:
    known = set(modules())
    found = {
        each for name, path in modules().items() for each in rebound(name, ast.parse(path.read_text("utf-8")), known)
    }
    assert found - set(ALLOWED) == set(), "keep it in `Ambient`, or add the reason to ALLOWED"
    assert set(ALLOWED) - found == set(), "no function rebinds it any more: remove it from ALLOWED"


OUTSIDE_THE_GROUP = re.compile(r"_command\.(?:make_context|main)\(|\binvoke\(\s*\w+_command\b")


def test_tests_call_commands_through_the_group() -> None:
    """A command outside its group has no `-h`, and click keeps that for later tests: see tools.parsed_command."""
    assert OUTSIDE_THE_GROUP.search('ui_command.make_context("ui", [])')
    assert OUTSIDE_THE_GROUP.search("CliRunner().invoke(ui_command, [])")
    found = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "tests").rglob("*.py")
        if path != Path(__file__) and OUTSIDE_THE_GROUP.search(path.read_text("utf-8"))
    ]
    assert found == []
