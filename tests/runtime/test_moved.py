"""Stored values that name a class under a module of an earlier flowc can be read."""

from __future__ import annotations

import base64
import os
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

from flowc_ir.model import Retry
from flowc_runtime.base.errors import ConfigurationFault
from flowc_runtime.run.task.secrets import SecretError
from flowc_runtime.store.backends.external import ExternalFile
from flowc_runtime.store.values.codecs import unpickle
from flowc_runtime.store.values.descriptions import type_name
from flowc_runtime.store.values.moved import _CLASSES, _FLAT, _MOVED, _SPLIT, new_place
from project import ROOT

if TYPE_CHECKING:
    from pathlib import Path

RUNTIME = ROOT / "runtime_image" / "flowc_runtime"
# Pickled by the commit 271b10f, in which the runtime had no subpackages.
EXTERNAL_FILE = (
    "gAWVggAAAAAAAACMFmZsb3djX3J1bnRpbWUuZXh0ZXJuYWyUjAxFeHRlcm5hbEZpbGWUk5QojAhkYXRhLnR4dJRLEEsAjEAyOWMzNjEzZDQ2"
    "MjhmY2U3MmE0MGUyZGFkNTVkNjI4MWQ5NWUyNTJhYjUxYzEyYTdiNjM4MTBjYWQwMmVkMmNmlHSUUpQu"
)
SECRET_ERROR = (
    "gAWVUgAAAAAAAAB9lIwFZXJyb3KUjBVmbG93Y19ydW50aW1lLnNlY3JldHOUjAtTZWNyZXRFcnJvcpSTlIwXc2VjcmV0ICdhJyBpcyBub3QgdGhl"
    "cmWUhZRSlHMu"
)


def test_an_external_file_of_an_earlier_flowc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data.txt").write_text("what was stored\n")
    monkeypatch.chdir(tmp_path)
    file = unpickle(base64.b64decode(EXTERNAL_FILE))
    assert type(file) is ExternalFile
    assert file.read_text() == "what was stored\n"


def test_an_error_of_an_earlier_flowc() -> None:
    (error,) = unpickle(base64.b64decode(SECRET_ERROR)).values()
    assert (type(error), str(error)) == (SecretError, "secret 'a' is not there")


def test_a_class_that_is_gone_is_asked_for() -> None:
    """A class whose module no longer exists is searched for in the flow's sources in the store."""
    asked: list[tuple[str, str]] = []

    def find(module: str, name: str) -> object:
        asked.append((module, name))
        return dict

    assert unpickle(b"cgone\nThing\n)R.", (), find) == {}
    assert asked == [("gone", "Thing")]
    with pytest.raises(ModuleNotFoundError, match="gone"):
        unpickle(b"cgone\nThing\n)R.")


def test_the_type_of_external_files_stays() -> None:
    assert type_name(ExternalFile) == "flowc_runtime.external.ExternalFile"


def test_each_module_of_the_flat_runtime_has_a_place() -> None:
    for name in _FLAT:
        found = new_place(f"flowc_runtime.{name}", "Thing")
        assert found is not None
        assert (RUNTIME.parent / found[0].replace(".", os.sep)).with_suffix(".py").exists(), found
    assert new_place("flowc_runtime.nothing", "Thing") is None
    assert new_place("other.external", "Thing") is None


@pytest.mark.parametrize("module", _MOVED)
def test_each_module_that_has_moved_is_found(module: str) -> None:
    found = new_place(module, "Thing")
    assert found == (_MOVED[module], "Thing")
    import_module(found[0])
    with pytest.raises(ModuleNotFoundError):
        import_module(module)


@pytest.mark.parametrize("module", _SPLIT)
def test_each_class_that_has_left_its_module_is_found(module: str) -> None:
    for name, new in _SPLIT[module].items():
        assert unpickle(f"c{module}\n{name}\n.".encode()) is getattr(import_module(new), name)


@pytest.mark.parametrize("module", _CLASSES)
def test_each_class_that_was_renamed_is_found(module: str) -> None:
    for old, new in _CLASSES[module].items():
        assert unpickle(f"c{module}\n{old}\n.".encode()) is getattr(import_module(module), new)


def test_a_class_that_was_renamed_and_whose_module_was_moved() -> None:
    """An exception that an earlier flowc stored under another module and name can be read."""
    fault = unpickle(b"cflowc_runtime.errors\nFault\n(X\x01\x00\x00\x00aX\x01\x00\x00\x00bt\x81.")
    assert fault == ConfigurationFault("a", "b")


# Names in pickles of earlier versions: (earlier name, current name).
MOVED = [
    *((f"flowc.ir.model.{name}", f"flowc_ir.model.{name}") for name in (
        "Branch", "Catch", "Code", "Config", "End", "Flow", "Foreach", "Function", "Gang", "Goto", "Method", "Node",
        "Notebook", "Packages", "Parameter", "Resources", "Retry", "Schedule", "Shell", "Span", "Stub", "Switch",
        "Timeout",
    )),
    *((f"flowc.ir.policies.{name}", f"flowc_ir.policies.{name}") for name in (
        "Card", "ExitHook", "Kubernetes", "Plugin", "Project", "Secret", "SecurityContext", "Toleration", "Trigger",
    )),
    ("flowc.ir.diagnostic.Diagnostic", "flowc_ir.diagnostic.Diagnostic"),
    ("flowc.ir.versions.SchemaError", "flowc_ir.versions.SchemaError"),
    ("flowc.ir.versions.NewerError", "flowc_ir.versions.NewerError"),
    ("flowc_runtime.pod.pods.GangError", "flowc_runtime.pod.coordination.GangError"),
    ("flowc_runtime.pods.GangError", "flowc_runtime.pod.coordination.GangError"),
    ("flowc_runtime.run.context.Parallel", "flowc_runtime.base.ambient.Parallel"),
    ("flowc_runtime.context.Parallel", "flowc_runtime.base.ambient.Parallel"),
    ("flowc_runtime.store.backends.remote_errors.Lost", "flowc_runtime.store.backends.remote.errors.Lost"),
    ("metaflow.client.metadata.Metadata", "metaflow.client.facts.Metadata"),
    ("metaflow.runner.argo.ArgoWorkflowsTriggeredRun", "metaflow.runner.argo_flow.ArgoWorkflowsTriggeredRun"),
    ("metaflow.runner.argo_run.ArgoWorkflowsTriggeredRun", "metaflow.runner.argo_flow.ArgoWorkflowsTriggeredRun"),
    ("metaflow.user_configs.config_parameters.ConfigError", "metaflow.exception.ConfigError"),
]  # fmt: skip


@pytest.mark.parametrize(("earlier", "now"), MOVED, ids=[earlier for earlier, _ in MOVED])
def test_a_class_that_a_step_can_have_kept_is_found(earlier: str, now: str) -> None:
    module, _, name = earlier.rpartition(".")
    home, _, current = now.rpartition(".")
    assert unpickle(f"c{module}\n{name}\n.".encode()) is getattr(import_module(home), current)


# `Retry(times=2, wait_seconds=5)`, pickled by the commit 271b10f as `flowc.ir.model.Retry`.
RETRY = "gASVKAAAAAAAAACMDmZsb3djLmlyLm1vZGVslIwFUmV0cnmUk5QpgZRdlChLAksFZWIu"


def test_a_node_s_policy_of_an_earlier_flowc() -> None:
    assert unpickle(base64.b64decode(RETRY)) == Retry(times=2, wait_seconds=5)
