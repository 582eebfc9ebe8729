"""A name stands for one thing: no two public classes of our packages share one, and few modules do."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[2]
# The names in sdk/ are Metaflow's.
PACKAGES = ("compiler/flowc", "compiler/flowc_ir", "emulator/flowc_emulator", "runtime_image/flowc_runtime")

CLASSES: dict[str, str] = {}
"""Names of several public classes, each with its reason."""


def classes(tree: ast.Module) -> Iterator[str]:
    """The public classes and type aliases of a module, also those that only type checkers see."""
    for node in tree.body:
        for each in node.body if isinstance(node, ast.If) else [node]:
            if isinstance(each, ast.ClassDef):
                name = each.name
            elif isinstance(each, ast.AnnAssign) and ast.unparse(each.annotation) == "TypeAlias":
                name = ast.unparse(each.target)
            else:
                continue
            if not name.startswith("_"):
                yield name


def modules() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((REPOSITORY / package).rglob("*.py"))


def test_no_two_public_classes_share_a_name() -> None:
    found = defaultdict(set)
    for file in modules():
        for name in classes(ast.parse(file.read_text())):
            found[name].add(str(file.relative_to(REPOSITORY)))
    shared = {name: files for name, files in found.items() if len(files) > 1}
    unknown = {name: sorted(files) for name, files in shared.items() if name not in CLASSES}
    assert not unknown, "give each class the name of what it is"
    assert not CLASSES.keys() - shared.keys(), "these names are of one class only: take them off the list"


def test_a_shared_name_is_found() -> None:
    source = "class A: ...\nclass _B: ...\nif TYPE_CHECKING:\n    C: TypeAlias = int\nd = 1\n"
    assert list(classes(ast.parse(source))) == ["A", "C"]


# Modules there have the names of what people type: a command, an option, a decorator.
TYPED = ("flowc/cli/", "flowc/targets/argo/commands/", "flowc/frontends/metaflow/decorators/")
MODULES = {
    "__main__": "Python's name",
    "constants": "texts in a flow's source; the values of its class's body",
    "deployment": "what any target may bring; that of Argo",
    "errors": "those of a package each",
    "ignored": "files that git ignores; directories that it is told to ignore",
    "limits": "those of the IR, generated; those of Argo",
    "mounts": "a subject of several packages",
    "parameters": "a subject of several packages",
    "pod": "a subject of several packages",
    "process": "the room and its chief module",
    "revision": "finding it; its record",
    "settings": "those of a target; those of a process",
    "spec": "of Argo's objects; of an environment",
    "steps": "what flowc has for steps; the steps of a class",
    "store": "the room and its chief module",
    "structure": "of a flow's class; of its graph",
    "target": "the protocol; that of Argo",
    "targets": "of the compiler; of commands on a cluster",
    "task": "the room and its chief module",
}
"""Names of several modules or rooms, each with what they stand for."""


def test_few_modules_share_a_name() -> None:
    found = defaultdict(set)
    for file in modules():
        path = str(file.relative_to(REPOSITORY))
        if not any(room in path for room in TYPED):
            found[file.parent.name if file.name == "__init__.py" else file.stem].add(path)
    shared = {name: files for name, files in found.items() if len(files) > 1}
    unknown = {name: sorted(files) for name, files in shared.items() if name not in MODULES}
    assert not unknown, "give each module the name of its subject, or say here why they share it"
    assert sorted(MODULES.keys() - shared.keys()) == [], "these names are of one module only: take them off the list"
