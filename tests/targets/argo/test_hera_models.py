"""Reading Hera's models without pydantic gives the same manifests as with pydantic, or falls back to pydantic."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hera
import pytest
from hera.workflows import models
from pydantic import ValidationError

from flowc.targets.argo import Settings, compile_flow, hera_models
from flowc.targets.argo.hera.field_types import UnreadableModelError
from flowc.targets.argo.hera.model_source import ModelSource
from flowc.targets.argo.hera.plain_models import PlainModel, field_names, json_of
from flowc.targets.argo.strict import dump, make
from ir.test_golden_ir import CASES
from project import ROOT
from targets.argo import flows
from targets.argo.test_golden_argo import compiled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_ir import Flow

SOURCES = ROOT / "compiler" / "flowc" / "targets" / "argo"
USED = sorted({name for path in SOURCES.rglob("*.py") for name in re.findall(r"\bm\.([A-Z]\w+)", path.read_text())})
SOURCE = ModelSource()
VALUES: tuple[object, ...] = ("x", "", "1", 1, 0, True, 1.5, ["x"], [], [1], [None], {"a": "b"}, {}, {"a": 1}, {1: "a"}, b"x")  # fmt: skip
SETTINGS = {
    "template": Settings(),
    "workflow": Settings(kind="workflow", tags=("a", "b")),
    "directory": Settings(store="file:///data", store_claim="claim", namespace="here", deadline_seconds=9),
}


def plain(name: str) -> type[PlainModel]:
    model = SOURCE.model(name)
    assert isinstance(model, type)
    assert issubclass(model, PlainModel)
    return model


# -- the same manifests ------------------------------------------------------------------------------------------------


@pytest.fixture
def by_pydantic(monkeypatch: pytest.MonkeyPatch) -> list[type]:
    """Return a list that grows during the test: it gets the class of each model that pydantic creates."""
    made: list[type] = []
    real = models.Template.__bases__[0].__init__

    def init(self: Any, /, **data: Any) -> None:
        made.append(type(self))
        real(self, **data)

    monkeypatch.setattr(models.Template.__bases__[0], "__init__", init, raising=False)
    return made


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("flow", flows.EXAMPLES.values(), ids=flows.EXAMPLES)
def test_pydantic_accepts_every_model_and_writes_the_same(
    flow: Flow, settings: Settings, by_pydantic: list[type]
) -> None:
    ours = compile_flow(flow, flows.CODE, settings)
    assert by_pydantic == []
    with hera_models.imported():
        theirs = compile_flow(flow, flows.CODE, settings)
    assert models.Template in by_pydantic
    assert ours.manifests == theirs.manifests
    assert ours.to_yaml() == theirs.to_yaml()  # the order of the fields is the same, too


@pytest.mark.usefixtures("fresh_imports")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_pydantic_writes_the_golden_manifests(case: Path, by_pydantic: list[type]) -> None:
    with hera_models.imported():
        assert compiled(case).to_yaml() == (case / "argo.yaml").read_text()
    assert models.WorkflowTemplate in by_pydantic


# -- the same fields ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", USED)
def test_fields_are_those_that_pydantic_finds(name: str) -> None:
    ours, theirs = plain(name), getattr(models, name)
    if issubclass(theirs, models.ParallelSteps):
        return
    assert [*field_names(ours)] == [*theirs.model_fields]
    required = {name for name, field in theirs.model_fields.items() if field.is_required()}
    for field, info in theirs.model_fields.items():
        if alias := _alias(ours, field, required):
            assert alias == (info.alias or field), field
    if required:
        with pytest.raises(TypeError, match=f"^{name} needs the field {', '.join(sorted(required))}$"):
            ours()


def _alias(model: type[PlainModel], field: str, required: set[str]) -> str | None:
    try:
        plan = model._fields.plan(tuple({field, *required}))
    except UnreadableModelError:  # the type of this field cannot be read, but flowc never sets the field
        return None
    return next(alias for name, alias, _ in plan if name == field)


def values() -> Iterator[tuple[str, str, object]]:
    for name in USED:
        for field in getattr(models, name).model_fields:
            yield from ((name, field, value) for value in VALUES)


def test_an_accepted_value_is_accepted_by_pydantic_and_written_the_same() -> None:
    accepted = 0
    for name, field, value in values():
        model, theirs = plain(name), getattr(models, name)
        given = {one: "x" for one, info in theirs.model_fields.items() if info.annotation is str} | {field: value}
        try:
            ours = json_of(model(**given))
        except (TypeError, UnreadableModelError):
            continue
        assert theirs(**given).model_dump(mode="json", by_alias=True, exclude_none=True) == ours, (name, field, value)
        accepted += 1
    assert accepted > 400


def test_a_value_of_the_exact_type_is_accepted() -> None:
    """Like pydantic's strict mode, accept only values of the field's exact type, and mappings for models."""
    compared = 0
    for name, field, value in values():
        theirs = getattr(models, name)
        given = {one: "x" for one, info in theirs.model_fields.items() if info.annotation is str} | {field: value}
        try:
            strictly = theirs.model_validate(given, strict=True)
        except ValidationError:
            continue
        if "models" in str(theirs.model_fields[field].annotation) and isinstance(value, dict):
            continue
        try:
            assert json_of(plain(name)(**given)) == strictly.model_dump(mode="json", by_alias=True, exclude_none=True)
        except UnreadableModelError:
            continue
        compared += 1
    assert compared > 400


@pytest.mark.parametrize("ways", ["plain", "pydantic"])
def test_wrong_fields_are_refused(ways: str) -> None:
    m: Any = hera_models.m
    if ways == "pydantic":
        m = models
    with pytest.raises(TypeError, match="DAGTask has no field step"):
        make(m.DAGTask, name="a", step=None)
    with pytest.raises((TypeError, ValidationError), match=r"(?s)name.*str|str.*name"):
        make(m.DAGTask, name=1)
    with pytest.raises((TypeError, ValidationError), match=r"Metadata|arguments"):
        make(m.DAGTask, name="a", arguments=make(m.Metadata))
    assert dump(make(m.RetryStrategy, limit="2")) == {"limit": "2"}
    assert dump(make(m.RetryStrategy, limit=2)) == {"limit": 2}
    assert dump(make(m.Template, steps=[m.ParallelSteps([make(m.WorkflowStep, name="a")])])) == {
        "steps": [[{"name": "a"}]]
    }


def test_errors_of_plain_models_name_the_field() -> None:
    m: Any = hera_models.m
    with pytest.raises(TypeError, match=r"^DAGTask\.name: a str, not 1$"):
        make(m.DAGTask, name=1)
    with pytest.raises(TypeError, match=r"^DAGTask\.arguments: a Arguments, not 'x'$"):
        make(m.DAGTask, name="a", arguments="x")
    assert make(m.DAGTask, name="a").when is None


# -- other versions of Hera --------------------------------------------------------------------------------------------

V1ALPHA1 = "workflows/models/io/argoproj/workflow/v1alpha1.py"
TASK = "class DAGTask(APIBaseModel):\n"
CHANGES = {
    "a method": (V1ALPHA1, TASK, f"{TASK}    def model_post_init(self, context: Any) -> None:\n        pass\n\n"),
    "a serializer": (
        V1ALPHA1,
        TASK,
        "from pydantic import field_serializer\n\n\n"
        f"{TASK}    @field_serializer('name')\n    def upper(self, name: str) -> str:\n        return name.upper()\n\n",
    ),
    "a default": (V1ALPHA1, TASK, f"{TASK}    fresh: bool = True\n"),
    "a default in the annotation": (V1ALPHA1, TASK, f"{TASK}    fresh: Annotated[bool, Field(default=True)]\n"),
    "a default without a name": (V1ALPHA1, TASK, f"{TASK}    fresh: Annotated[bool, Field(True)]\n"),
    "another option": (
        V1ALPHA1,
        f"{TASK}    arguments: Annotated[\n        Arguments | None,\n        Field(",
        f"{TASK}    arguments: Annotated[\n        Arguments | None,\n        Field(deprecated=False, ",
    ),
    "a base class with fields": (
        V1ALPHA1,
        TASK,
        "class _Fresh(APIBaseModel):\n    fresh: bool = True\n\n\nclass DAGTask(_Fresh):\n",
    ),
    "an import": (V1ALPHA1, "\nclass Amount", "\nimport json\n\n\nclass Amount"),
    "another configuration": ("shared/_pydantic.py", "frozen=False", "frozen=True"),
    "annotations that are no strings": (
        "workflows/models/io/k8s/apimachinery/pkg/util/intstr.py",
        "from __future__ import annotations",
        "",
    ),
}  # fmt: skip
PROGRAM = """
import sys
from flowc.targets.argo import Settings, compile_flow, hera_models
from targets.argo import flows

flow = flows.EXAMPLES["policies"]
text = compile_flow(flow, flows.CODE, Settings()).to_yaml()
print("pydantic" in sys.modules)
with hera_models.imported():
    assert text == compile_flow(flow, flows.CODE, Settings()).to_yaml()
print("fresh" in text, "name: START" in text, "hera.workflows.service" in sys.modules)
"""


def with_hera(directory: Path) -> list[str]:
    """Run PROGRAM with the copy of Hera in this directory, and return the words that it prints."""
    path = ":".join([str(directory), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={"PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("hera")
    shutil.copytree(
        Path(hera.__file__).parent, directory / "hera", ignore=shutil.ignore_patterns("__pycache__", "events", "_cli")
    )
    return directory


def test_the_installed_hera_needs_no_pydantic(copied: Path) -> None:
    assert with_hera(copied) == ["False", "False", "False", "False"]


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_unknown_is_left_to_pydantic(change: str, copied: Path, tmp_path: Path) -> None:
    file, old, new = CHANGES[change]
    shutil.copytree(copied / "hera", tmp_path / "hera")
    source = (tmp_path / "hera" / file).read_text()
    assert source.count(old) == 1
    (tmp_path / "hera" / file).write_text(source.replace(old, new))
    words = with_hera(tmp_path)
    assert words == ["True", str("fresh" in new), str("upper" in new), "False"]


def test_a_missing_module_is_left_to_the_import(copied: Path, tmp_path: Path) -> None:
    """If a module of Hera is missing, the import's own error is raised, which names the module."""
    shutil.copytree(copied / "hera", tmp_path / "hera")
    shutil.rmtree(tmp_path / "hera" / "workflows" / "models")
    path = ":".join([str(tmp_path), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={"PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert "ModuleNotFoundError: No module named 'hera.workflows.models'" in done.stderr
