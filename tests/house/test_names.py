"""Names are unique: no two public classes of our packages have the same name, and few modules do."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[2]
# Names in sdk/ are not checked, because Metaflow determines them.
PACKAGES = ("compiler/flowc", "compiler/flowc_ir", "emulator/flowc_emulator", "runtime_image/flowc_runtime")

CLASSES: dict[str, str] = {
    "Parallel": "a step of a pipeline, whose name users know; the place of a task in its gang",
    "Stub": "a step of a pipeline, whose name users know; the node of the IR that it becomes",
}
"""Names that several public classes share, each with the reason why this is allowed."""


def classes(tree: ast.Module) -> Iterator[str]:
    """Return the public classes and type aliases of a module, also those that only type checkers see."""
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
    assert not unknown, "give each class its own name"
    assert not CLASSES.keys() - shared.keys(), "these names belong to one class only: remove them from the list"


def test_a_shared_name_is_found() -> None:
    source = "class A: ...\nclass _B: ...\nif TYPE_CHECKING:\n    C: TypeAlias = int\nd = 1\n"
    assert list(classes(ast.parse(source))) == ["A", "C"]


# Modules in these directories are named after what users type: a command, an option, a decorator.
TYPED = ("flowc/cli/", "flowc/targets/argo/commands/", "flowc/frontends/metaflow/decorators/")
MODULES = {
    "__main__": "Python's name",
    "deployment": "the deployment of any target; that of Argo",
    "errors": "the errors of each package",
    "ignored": "files that git ignores; directories excluded from git",
    "limits": "those of the IR, generated; those of Argo",
    "mounts": "a subject of several packages",
    "parameters": "a subject of several packages",
    "pipeline": "what users import; its front end; the order of the passes",
    "plugins": "their public protocols; finding them",
    "pod": "a subject of several packages",
    "process": "the directory and its main module",
    "revision": "finding it; its record",
    "settings": "those of a target; those of a process",
    "spec": "of Argo's objects; of an environment",
    "steps": "flowc's decorators for steps; the steps of a class",
    "store": "the directory and its main module",
    "structure": "of a flow's class; of its graph",
    "target": "the protocol; that of Argo",
    "targets": "of the compiler; of commands on a cluster",
    "task": "the directory and its main module",
}
"""Names that several modules or directories share: name -> the meanings."""


def test_few_modules_share_a_name() -> None:
    found = defaultdict(set)
    for file in modules():
        path = str(file.relative_to(REPOSITORY))
        if not any(room in path for room in TYPED):
            found[file.parent.name if file.name == "__init__.py" else file.stem].add(path)
    shared = {name: files for name, files in found.items() if len(files) > 1}
    unknown = {name: sorted(files) for name, files in shared.items() if name not in MODULES}
    assert not unknown, "give each module its own name, or add the reason here"
    assert sorted(MODULES.keys() - shared.keys()) == [], (
        "these names belong to one module only: remove them from the list"
    )
