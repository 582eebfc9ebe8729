"""METAFLOW_* variables and Metaflow's configuration files."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from flowc_runtime.base.config import settings
from flowc_runtime.base.config.config_keys import SETTINGS
from flowc_runtime.base.errors import SettingsError
from small_flows import two_steps

if TYPE_CHECKING:
    from pathlib import Path

    from project import Project

FLOW = two_steps("Small", imports="FlowSpec, step, current", start="self.who = current.username")


@pytest.fixture
def small(project: Project) -> Project:
    project.write("flow.py", FLOW)
    return project


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Remove all settings from the environment of the tests."""
    for name in [name for name in os.environ if name.startswith("METAFLOW_")]:
        monkeypatch.delenv(name)
    for name in ("SUDO_USER", "USERNAME", "USER", "LOGNAME", "LNAME", "FLOWC_STORE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return monkeypatch


def configure(directory: Path, name: str = "config.json", **values: object) -> None:
    directory.mkdir(exist_ok=True)
    (directory / name).write_text(json.dumps({f"METAFLOW_{key}": value for key, value in values.items()}))


# -- sources of values -------------------------------------------------------------------------------------------------


def test_a_variable_then_the_file_then_the_default(clean: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert settings.get("DEFAULT_DATASTORE", "local") == "local"
    configure(tmp_path / "home", DEFAULT_DATASTORE="s3", S3_RETRY_COUNT=7)
    clean.setenv("METAFLOW_HOME", str(tmp_path / "home"))
    assert settings.get("DEFAULT_DATASTORE", "local") == "s3"
    assert settings.get("S3_RETRY_COUNT") == "7"
    clean.setenv("METAFLOW_DEFAULT_DATASTORE", "gs")
    assert settings.get("DEFAULT_DATASTORE") == "gs"
    clean.setenv("METAFLOW_DEFAULT_DATASTORE", "")
    assert settings.get("DEFAULT_DATASTORE") == "s3"


def test_a_profile_names_another_file(clean: pytest.MonkeyPatch, tmp_path: Path) -> None:
    configure(tmp_path / ".metaflowconfig", USER="default")
    configure(tmp_path / ".metaflowconfig", "config_work.json", USER="worker")
    assert settings.user_name() == "default"
    clean.setenv("METAFLOW_PROFILE", "work")
    assert settings.user_name() == "worker"
    clean.setenv("METAFLOW_PROFILE", "nope")
    with pytest.raises(SettingsError, match=r"METAFLOW_PROFILE .*config_nope\.json does not exist"):
        settings.user_name()


@pytest.mark.parametrize(("text", "message"), [("{", "cannot read"), ("[]", "not a JSON object")])
def test_a_broken_file(clean: pytest.MonkeyPatch, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "config.json").write_text(text)
    clean.setenv("METAFLOW_HOME", str(tmp_path))
    with pytest.raises(SettingsError, match=message):
        settings.get("USER")


def test_who_runs(clean: pytest.MonkeyPatch) -> None:
    without = settings.user_name()
    assert without  # the login name, or the numeric user id
    for variable in ("USER", "USERNAME", "SUDO_USER", "METAFLOW_USER"):
        clean.setenv(variable, f"by-{variable}")
        assert settings.user_name() == f"by-{variable}"
    clean.setenv("METAFLOW_USER", "")
    clean.setenv("SUDO_USER", "root")
    assert settings.user_name() == "by-USERNAME"


@pytest.mark.usefixtures("clean")
def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 54321)  # in a container, a user id may have no name
    assert settings.user_name() == "54321"


def test_the_store_they_name(clean: pytest.MonkeyPatch) -> None:
    assert settings.store_url() is None
    clean.setenv("METAFLOW_DATASTORE_SYSROOT_LOCAL", "/data")
    assert settings.store_url() == "/data/.flowc"
    assert settings.store_url(root="/other") == "/other"
    clean.setenv("METAFLOW_DEFAULT_DATASTORE", "s3")
    clean.setenv("METAFLOW_DATASTORE_SYSROOT_S3", "s3://bucket/prefix/")
    clean.setenv("METAFLOW_DATASTORE_SYSROOT_AZURE", "container/prefix")
    assert settings.store_url() == "s3://bucket/prefix"
    assert settings.store_url("local") == "/data/.flowc"
    assert settings.store_url("azure") == "az://container/prefix"
    assert settings.store_url("gs", "gs://b/p") == "gs://b/p"
    with pytest.raises(SettingsError, match="METAFLOW_DATASTORE_SYSROOT_GS"):
        settings.store_url("gs")
    with pytest.raises(SettingsError, match="write gs://BUCKET/PREFIX"):
        settings.store_url("gs", "s3://b/p")


def test_the_name_of_a_store_s_kind() -> None:
    urls = ("file:///data/.flowc", "/data/.flowc", "s3://bucket/prefix", "gs://bucket", "az://container/prefix")
    assert [settings.datastore_of(url) for url in urls] == ["local", "local", "s3", "gs", "azure"]


def test_what_nothing_reads(clean: pytest.MonkeyPatch, tmp_path: Path) -> None:
    configure(tmp_path / ".metaflowconfig", SERVICE_URL="https://service", DEFAULT_DATASTORE="local")
    clean.setenv("METAFLOW_KUBERNETES_NAMESPACE", "n")
    clean.setenv("METAFLOW_RUN_MAX_WORKERS", "1")
    clean.setenv("METAFLOW_USER", "ann")
    assert settings.unused() == ["METAFLOW_KUBERNETES_NAMESPACE", "METAFLOW_SERVICE_URL"]


@pytest.mark.parametrize("name", [name for setting in SETTINGS for name in setting.metaflow if "…" not in name])
def test_what_gives_a_setting_of_flowc_is_read(clean: pytest.MonkeyPatch, name: str) -> None:
    clean.setenv(name, "value")
    assert settings.unused() == []


# -- in programs -------------------------------------------------------------------------------------------------------


def test_the_store_of_a_run(small: Project) -> None:
    done = small.flowc("run", "flow.py", METAFLOW_DATASTORE_SYSROOT_LOCAL=f"{small.root}/there")
    assert done.code == 0, done.err
    assert f"store file://{small.root}/there/.flowc" in done.err
    assert not (small.root / ".flowc").exists()
    listed = small.flowc("runs", METAFLOW_DATASTORE_SYSROOT_LOCAL="there").out
    assert listed.startswith("Small/")
    assert small.flowc("runs", METAFLOW_DATASTORE_SYSROOT_LOCAL="there", FLOWC_STORE="other").out == ""


def test_a_configuration_file_of_a_user_s(small: Project) -> None:
    configure(small.root / ".metaflowconfig", DATASTORE_SYSROOT_LOCAL=str(small.root / "there"), USER="ann")
    assert small.python("flow.py", "run").code == 0
    run = small.root / "there" / ".flowc" / "flows" / "Small" / "runs"
    (record,) = (json.loads((found / "run.json").read_text()) for found in run.iterdir())
    assert (record["user"], record["namespace"]) == ("ann", "user:ann")


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("METAFLOW_DEFAULT_METADATA", "service", "flowc needs no metadata service"),
        ("METAFLOW_DEFAULT_DATASTORE", "spin", "use local, s3, gs or azure"),
        ("METAFLOW_DEFAULT_ENVIRONMENT", "nonsense", "METAFLOW_DEFAULT_ENVIRONMENT=nonsense is not supported"),
        ("METAFLOW_DEFAULT_EVENT_LOGGER", "debugLogger", "flowc has no event loggers"),
        ("METAFLOW_DEFAULT_MONITOR", "debugMonitor", "flowc has no monitors"),
        ("METAFLOW_PROFILE", "nope", "config_nope.json does not exist"),
    ],
)
def test_what_cannot_be_is_refused(small: Project, variable: str, value: str, message: str) -> None:
    for done in (
        small.flowc("run", "flow.py", **{variable: value}),
        small.python("flow.py", "run", **{variable: value}),
        small.flowc("runs", **{variable: value}),
    ):
        assert (done.code, message in done.err) == (2, True), done.err
        assert "Traceback" not in done.err


def test_a_file_that_asks_for_it_is_named(small: Project) -> None:
    configure(small.root / ".metaflowconfig", DEFAULT_METADATA="service")
    done = small.flowc("check", "flow.py")
    assert done.code == 2
    assert f"METAFLOW_DEFAULT_METADATA=service in {small.root}/.metaflowconfig/config.json" in done.err
    assert small.flowc("check", "flow.py", METAFLOW_DEFAULT_METADATA="local").code == 0


def test_what_is_not_used_is_told(small: Project) -> None:
    done = small.flowc("run", "flow.py", METAFLOW_SERVICE_URL="https://service")
    assert done.code == 0
    assert "note: flowc does not use METAFLOW_SERVICE_URL" in done.err


def test_no_user_at_all(small: Project) -> None:
    assert not {"USER", "LOGNAME", "USERNAME", "METAFLOW_USER"} & set(small.environment)
    run = small.run("flow.py")
    assert small.artifacts(run, "end")["who"]


def test_all_are_told_the_same_name(project: Project) -> None:
    project.write(
        "flow.py",
        """
        from metaflow import Config, FlowSpec, Parameter, current, step

        class Named(FlowSpec):
            settings = Config("settings", default_value=lambda context: {"who": context.user_name})
            who = Parameter("who", default=lambda context: context.user_name)

            @step
            def start(self):
                self.told = {current.username, self.settings.who, self.who}
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    run = project.run("flow.py", METAFLOW_USER="ann")
    assert project.artifacts(run, "end")["told"] == {run.record()["user"]} == {"ann"}
