"""Files that git ignores stay on this machine: they are neither in manifests nor in stores."""

from __future__ import annotations

import json
import os
import re
import shutil
from typing import TYPE_CHECKING

import pytest
import yaml

from flowc_runtime.store.values.sources import read_sources
from repository import git, repository

if TYPE_CHECKING:
    from project import Finished, Project

FLOW = """
    from metaflow import FlowSpec, step
    {imports}

    class Local(FlowSpec):
        @step
        def start(self):
            import late_settings
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        Local()
    """
PASSWORD = "hunter2-in-the-clear"


@pytest.fixture
def local(project: Project) -> Project:
    repository(project.root, "local_settings.py", "late_settings.py", "*.csv", "gen/", "other.py", ".flowc/")
    project.write("flow.py", FLOW.format(imports="import local_settings, helper"))
    project.write("helper.py", "HELP = 1\n")
    for name in ("local_settings", "late_settings", "gen/made", "other"):
        project.write(f"{name}.py", f"PASSWORD = '{PASSWORD}'\n")
    project.write("data.csv", PASSWORD)
    return project


def compiled(project: Project, *options: str, **environment: str) -> tuple[Finished, set[str]]:
    """Return the result of `compile`, and the files in the ConfigMap."""
    done = project.flowc("compile", "flow.py", *options, **environment)
    assert done.code == 0, done.err
    template = next(one for one in yaml.safe_load_all(done.out) if one["kind"] == "WorkflowTemplate")
    (code,) = (volume for volume in template["spec"]["volumes"] if "configMap" in volume)
    return done, {item["path"].removeprefix("code/") for item in code["configMap"]["items"]} - {"ir/ir.json"}


def test_they_are_in_no_manifest_and_those_that_the_flow_imports_are_told(local: Project) -> None:
    done, files = compiled(local)
    assert files == {"flow.py", "helper.py"}
    assert PASSWORD not in done.out
    assert done.err == (
        "note: 2 files that git ignores stay on this machine: late_settings.py, local_settings.py; put "
        "secrets into @secrets; to take files along, set "
        'package-ignored = "late_settings.py,local_settings.py" in flowc.toml, or '
        "FLOWC_PACKAGE_IGNORED=late_settings.py,local_settings.py\n"
    )


def test_what_is_said_to_be_typed_works(local: Project) -> None:
    (said,) = re.findall(r"to take files along, set (.*) in flowc.toml, or (\S*)", compiled(local)[0].err)
    variable, _, value = said[1].partition("=")
    local.write("flowc.toml", said[0])
    for environment in ({}, {variable: value}):
        done, files = compiled(local, **environment)
        assert (done.err, files) == ("", {"flow.py", "helper.py", "late_settings.py", "local_settings.py"})
        (local.root / "flowc.toml").unlink(missing_ok=True)


def test_data_files_too_and_what_was_asked_for_is_told(local: Project) -> None:
    done, files = compiled(local, "--package-suffixes", ".csv")
    assert files == {"flow.py", "helper.py"}
    assert "3 files that git ignores stay on this machine: data.csv, late_settings.py, local_settings.py; " in done.err
    assert PASSWORD not in done.out


def test_they_travel_where_git_tracks_them_or_a_setting_names_them(local: Project) -> None:
    git(local.root, "add", "-f", "local_settings.py")
    local.write("flowc.toml", 'package-ignored = "late_*.py, gen/*"\n')
    done, files = compiled(local)
    assert files == {"flow.py", "helper.py", "local_settings.py", "late_settings.py", "gen/made.py"}
    assert done.err == ""
    _, files = compiled(local, FLOWC_PACKAGE_IGNORED="other.py")
    assert files == {"flow.py", "helper.py", "local_settings.py", "other.py"}


def test_the_flow_s_own_file_always_travels(project: Project) -> None:
    repository(project.root, "*.py")
    project.write("flow.py", FLOW.format(imports="import helper"))
    project.write("helper.py", "")
    done, files = compiled(project)
    assert files == {"flow.py"}
    assert "a file that git ignores stays on this machine: helper.py; " in done.err


def test_the_digest_of_the_code_is_that_of_what_travels(local: Project) -> None:
    first, _ = compiled(local)
    local.write("local_settings.py", "PASSWORD = 'another'\n")
    second, _ = compiled(local)
    assert first.out == second.out


def test_no_other_command_sends_them(local: Project) -> None:
    """The manifests of `diff` and `deploy`, and the code that a local run records, do not contain ignored files."""
    assert local.python("flow.py", "run").code == 0
    run = local.latest()
    kept = read_sources(run.objects, run.record())
    assert kept is not None
    assert sorted(kept) == ["flow.py", "helper.py"]
    # the resumed run works without the ignored files, which the step does not need
    assert local.python("flow.py", "resume", "end").code == 0
    assert not any(
        PASSWORD.encode() in path.read_bytes() for path in (local.root / ".flowc").rglob("*") if path.is_file()
    )


def test_code_that_was_compiled_without_them_has_not_changed(local: Project) -> None:
    assert local.python("flow.py", "run").code == 0
    run = local.latest()
    done, _ = compiled(local)
    (record,) = (local.root / ".flowc").rglob("run.json")
    code = next(iter(yaml.safe_load_all(done.out)))["data"]["ir.json"]
    record.write_text(json.dumps(run.record() | {"code": json.loads(code)["code"]["digest"]}))
    changed = "the flow's code has changed since the run"
    assert changed not in local.flowc("debug", "Local/latest/end", "--inspect").err
    local.write("helper.py", "HELP = 2\n")
    assert changed in local.flowc("debug", "Local/latest/end", "--inspect").err


def test_without_git_all_of_them_travel_and_it_is_told(local: Project) -> None:
    empty = local.root / ".bin"
    empty.mkdir()
    done, files = compiled(local, PATH=str(empty))
    assert "local_settings.py" in files
    assert done.err.startswith(f"note: {local.root} is a work tree of git, and git is not installed: ")


@pytest.mark.parametrize("fault", ["configuration", "no repository"])
def test_a_git_that_fails_stops_compiling_and_keeps_files_out_of_stores(local: Project, fault: str) -> None:
    if fault == "configuration":
        local.write(".git/config", "[core\n")
    else:  # a repository without HEAD may come from an interrupted copy; ignored files must stay secret nevertheless
        (local.root / ".git/HEAD").unlink()
    done = local.flowc("compile", "flow.py")
    assert done.code != 0
    assert done.out == ""
    assert (
        f"error: the files that git ignores are unknown, and they must not be packaged: git fails in {local.root}: "
        in (done.err)
    )
    assert "hint: make `git status` work in the flow's directory" in done.err
    assert local.python("flow.py", "run").code == 0
    assert "sources" not in local.latest().record()


def test_what_is_installed_travels_though_its_environment_is_ignored(project: Project) -> None:
    repository(project.root, "env/")
    packages = "env/lib/site-packages"
    project.write(f"{packages}/flows_of_ours/__init__.py", "")
    project.write(f"{packages}/flows_of_ours/flow.py", FLOW.format(imports=""))
    project.write(f"{packages}/flows_of_ours/late_settings.py", "")
    path = f"{project.environment['PYTHONPATH']}:{project.root / packages}"
    done = project.flowc("compile", "flows_of_ours.flow", PYTHONPATH=path)
    assert done.code == 0, done.err
    assert "flows_of_ours/late_settings.py" in done.out


def test_an_extension_s_files(local: Project) -> None:
    extension = local.root.parent / f"{local.root.name}-extension"
    try:
        repository(extension, "keys.txt")
        (extension / "metaflow_extensions" / "ours" / "plugins").mkdir(parents=True)
        (extension / "metaflow_extensions" / "ours" / "plugins" / "__init__.py").write_text("")
        (extension / "metaflow_extensions" / "ours" / "keys.txt").write_text(PASSWORD)
        (extension / "metaflow_extensions" / "ours" / "open.txt").write_text("")
        path = os.pathsep.join([str(extension), local.environment["PYTHONPATH"]])
        done, files = compiled(local, PYTHONPATH=path)
        assert "metaflow_extensions/ours/open.txt" in files
        assert PASSWORD not in done.out
    finally:
        shutil.rmtree(extension, ignore_errors=True)
