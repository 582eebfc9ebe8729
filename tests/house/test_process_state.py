"""What a process changes of itself is in one object, `ambient()`: modules have no other names that functions rebind."""

from __future__ import annotations

import ast

from house.graph import modules

ALLOWED = {
    "flowc_runtime.base.ambient:_ambient": "the object itself",
    "flowc_runtime.process.ending:_coverage": "belongs to a process, of which `begin` makes a new one at each fork",
    "flowc_runtime.process.ending:_ended": "as `_coverage`",
    "flowc_runtime.process.ending:_mark": "as `_coverage`",
    "flowc_runtime.process.origin:_defined": "belongs to the program: what it was like when its flow was defined",
    "flowc_runtime.process.writers:_fflush": "a function of the C library, looked up once",
    "flowc.cli.running.beginning:_here": "the handlers of signals, which a process has once",
    "metaflow._extensions:_found": "the installed extensions, looked up once",
    "metaflow._extensions:_known": "as `_found`",
    "metaflow._extensions:_finder": "the entry in `sys.meta_path`, which a process has once",
    "metaflow.plugins.datatools.s3.channel:_process": "the helper process of this process; a forked one starts its own",
    "metaflow.plugins.datatools.s3.channel:_lock": "as `_process`",
}
"""Names by their module, and why they are not in `Ambient`."""


def rebound(name: str, tree: ast.Module, known: set[str]) -> set[str]:
    """Return MODULE:NAME of what functions rebind with `global`, and of what is set on another of our modules."""
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
    assert found - set(ALLOWED) == set(), "keep it in `Ambient`, or say in ALLOWED why it is not an attempt's"
    assert set(ALLOWED) - found == set(), "no function rebinds it any more: take it out of ALLOWED"
