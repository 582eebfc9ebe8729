"""Settings: `flowc.toml`, `[tool.flowc]` of pyproject.toml, variables and options, with real files and programs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from flowc_runtime.base.config.config_keys import BY_KEY, SETTINGS, YES_NO
from project import ROOT
from small_flows import two_steps

if TYPE_CHECKING:
    from pathlib import Path

    from project import Finished, Project

FLOW = two_steps("Small")


@pytest.fixture
def small(project: Project) -> Project:
    project.write("flow.py", FLOW)
    return project


def below(project: Project, directory: str, *words: str) -> Finished:
    """Call flowc in a directory below the project."""
    (project.root / directory).mkdir(parents=True, exist_ok=True)
    code = f"import os, sys; os.chdir({directory!r}); os.execv(sys.executable, [sys.executable, '-m', 'flowc', *{words!r}])"
    return project.python("-c", code)


def said(project: Project, key: str, **environment: str) -> tuple[object, str]:
    """Return the value and the source of a setting, as `flowc config` prints them."""
    done = project.flowc("config", key, "--json", **environment)
    assert done.code == 0, done.err
    found = json.loads(done.out)
    return found["value"], found["from"]


# -- sources of values -------------------------------------------------------------------------------------------------


def test_the_order(small: Project) -> None:
    """The order of precedence: options, FLOWC_*, METAFLOW_*, flowc.toml, Metaflow's file, defaults."""
    metaflow = {"METAFLOW_ENVIRONMENT": "conda"}
    own = {"FLOWC_ENVIRONMENT": "pypi"}
    assert said(small, "environment") == (None, "default")
    small.write(".metaflowconfig/config.json", '{"METAFLOW_DEFAULT_ENVIRONMENT": "pypi"}')
    assert said(small, "environment") == ("pypi", f"{small.root}/.metaflowconfig/config.json")
    small.write("flowc.toml", 'environment = "local"\n')
    assert said(small, "environment") == ("local", "flowc.toml:1")
    default = {"METAFLOW_DEFAULT_ENVIRONMENT": "pypi"}
    assert said(small, "environment", **default) == ("pypi", "METAFLOW_DEFAULT_ENVIRONMENT")
    assert said(small, "environment", **metaflow, **default) == ("conda", "METAFLOW_ENVIRONMENT")
    assert said(small, "environment", **own, **metaflow) == ("pypi", "FLOWC_ENVIRONMENT")
    assert said(small, "environment", FLOWC_ENVIRONMENT="") == ("local", "flowc.toml:1")


@pytest.mark.parametrize(
    ("environment", "options", "workers"),
    [
        ({}, [], 97),
        ({"METAFLOW_RUN_MAX_WORKERS": "3"}, [], 3),
        ({"METAFLOW_RUN_MAX_WORKERS": "3", "FLOWC_MAX_WORKERS": "4"}, [], 4),
        ({"METAFLOW_RUN_MAX_WORKERS": "3", "FLOWC_MAX_WORKERS": "4"}, ["--max-workers", "5"], 5),
    ],
)
def test_a_run_has_the_value_that_comes_first(
    small: Project, environment: dict[str, str], options: list[str], workers: int
) -> None:
    small.write("flowc.toml", "max-workers = 97\n")
    done = small.flowc("run", "flow.py", *options, **environment)
    assert f" runs with {workers} workers" in done.err
    if not options:
        assert said(small, "max-workers", **environment)[0] == workers


def test_the_settings_of_runs(small: Project) -> None:
    small.write("flowc.toml", 'log-format = "json"\nmax-num-splits = 1\n')
    done = small.flowc("run", "flow.py")
    assert done.code == 0, done.err
    assert all(json.loads(line) for line in done.out.splitlines())
    small.write("fan.py", FLOW.replace("self.next(self.end)", "self.xs = [1, 2]; self.next(self.each, foreach='xs')")
                .replace("        @step\n        def end", "        @step\n        def each(self):\n"
                "            self.next(self.join)\n\n        @step\n        def join(self, inputs):\n"
                "            self.next(self.end)\n\n        @step\n        def end"))  # fmt: skip
    assert small.flowc("run", "fan.py").code == 1
    assert small.flowc("run", "fan.py", FLOWC_MAX_NUM_SPLITS="2").code == 0
    assert small.flowc("run", "fan.py", "--max-num-splits", "1", FLOWC_MAX_NUM_SPLITS="2").code == 1


def test_the_environment_of_steps(small: Project) -> None:
    small.write("packed.py", FLOW.replace("        @step\n        def end", "        @pypi(packages={'six': '1.16.0'})\n"
                "        @step\n        def end").replace("import FlowSpec", "import FlowSpec, pypi"))  # fmt: skip
    assert "need --environment=pypi" in small.flowc("run", "packed.py").err
    small.write("flowc.toml", 'environment = "local"\n')
    for done in (small.flowc("run", "packed.py"), small.python("packed.py", "run")):
        assert (done.code, "--environment=local: @pypi and @conda of step 'end' are not applied" in done.err) == (
            0,
            True,
        )
    small.write("flowc.toml", 'environment = "conda"\n')
    assert small.flowc("run", "packed.py", FLOWC_ENVIRONMENT="local").code == 0
    assert small.flowc("run", "packed.py", METAFLOW_DEFAULT_ENVIRONMENT="local").code == 0
    assert small.python("packed.py", "run", METAFLOW_ENVIRONMENT="local").code == 0
    done = small.python("packed.py", "--environment=local", "run", FLOWC_ENVIRONMENT="conda")
    assert (done.code, "--environment=local: @pypi and @conda of step 'end' are not applied" in done.err) == (0, True)


_TOLD = """
    import sys
    from flowc.cli import main
    from flowc.cli.running import execution, starting
    from flowc.cli.commands.flows import spin

    def tell(found, choice, before, note):
        print("start:", choice, file=sys.stderr)
        return starting.begin_starts(found, choice, before, note)

    execution.begin_starts = spin.begin_starts = tell
    main()
    """


def test_how_tasks_begin_reaches_the_supervisor(small: Project) -> None:
    small.write("told.py", _TOLD)
    assert small.flowc("run", "flow.py").code == 0
    for words in (["run", "flow.py"], ["resume", "flow.py"], ["spin", "flow.py", "end"]):
        assert "start: auto\n" in small.python("told.py", *words).err
        assert "start: fresh\n" in small.python("told.py", *words, "--start", "fresh", FLOWC_START="fork").err
        assert "start: fork\n" in small.python("told.py", *words, FLOWC_START="fork").err
    small.write("flowc.toml", 'start = "fresh"\n')
    assert "start: fresh\n" in small.python("told.py", "run", "flow.py").err
    done = small.flowc("run", "flow.py", "--start", "later")
    assert (done.code, "'later' is not one of 'auto', 'fork', 'fresh'" in done.err) == (2, True)


def test_the_store(small: Project) -> None:
    """A relative store path in flowc.toml is relative to that file; in a variable, to the working directory."""
    small.write("flowc.toml", 'store = "data/runs"\n')
    assert below(small, "deep/down", "run", f"{small.root}/flow.py").code == 0
    assert (small.root / "data" / "runs" / "flows" / "Small").is_dir()
    assert not (small.root / ".flowc").exists()
    assert small.flowc("runs").out.startswith("Small/")
    client = "from metaflow import Flow; print(len(list(Flow('Small'))))"
    assert small.python("-c", client).out == "1\n"
    assert small.python("flow.py", "--quiet", "tag", "list", "--all").code == 0
    assert small.flowc("runs", FLOWC_STORE="other").out == ""
    assert small.flowc("runs", "--store", "other").out == ""
    assert small.flowc("runs", METAFLOW_DATASTORE_SYSROOT_LOCAL="other").out == ""
    small.write(".metaflowconfig/config.json", '{"METAFLOW_DATASTORE_SYSROOT_LOCAL": "/nowhere"}')
    assert small.flowc("runs").out.startswith("Small/")
    assert said(small, "store") == (f"{small.root}/data/runs", "flowc.toml:1")
    (small.root / "flowc.toml").unlink()
    assert said(small, "store") == ("/nowhere/.flowc", f"{small.root}/.metaflowconfig/config.json")
    (small.root / ".metaflowconfig" / "config.json").unlink()
    assert said(small, "store") == (f"{small.root}/.flowc", "default")


@pytest.mark.parametrize(
    ("written", "meant"), [("~/runs", "{}/runs"), ("/data/x", "/data/x"), ("s3://b/p", "s3://b/p"), ("../up", "{}/up")]
)
def test_a_place_in_a_file(project: Project, written: str, meant: str) -> None:
    project.write("inner/flowc.toml", f'store = "{written}"\n')
    done = below(project, "inner", "config", "store")
    assert done.out == meant.format(project.root) + "\n"


def test_the_settings_of_a_cluster(small: Project) -> None:
    pytest.importorskip("hera")
    small.write("flowc.toml", """
        image = "registry/team:1"
        cluster-store = "file:///data/runs"
        store-claim = "claim"
        service-account = "runner"
        namespace = "team"
        parallelism = 7
        workflow-timeout = 60
        """)  # fmt: skip
    text = small.flowc("compile", "flow.py").out
    for line in ('image: "registry/team:1"', "file:///data/runs", "claimName: claim", "serviceAccountName: runner",
                 "namespace: team", "activeDeadlineSeconds: 60"):  # fmt: skip
        assert line in text, line
    assert 'image: "other:2"' in small.flowc("compile", "flow.py", FLOWC_IMAGE="other:2").out
    assert 'image: "third:3"' in small.flowc("compile", "flow.py", "--image", "third:3", FLOWC_IMAGE="other:2").out
    text = small.flowc("compile", "flow.py", "--workflow-timeout", "9", FLOWC_SERVICE_ACCOUNT="me").out
    assert "activeDeadlineSeconds: 9\n" in text
    assert "serviceAccountName: me\n" in text
    bucket = {"FLOWC_CLUSTER_STORE": "s3://b/p", "FLOWC_STORE_SECRET": "keys"}
    done = small.flowc("compile", "flow.py", **bucket)
    assert (done.code, "store_claim: is only for a store" in done.err, "(flowc.toml:3)" in done.err) == (2, True, True)
    small.write("flowc.toml", "")
    assert "name: keys" in small.flowc("compile", "flow.py", **bucket).out


def test_options_of_runs_here_do_not_hinder_a_cluster(small: Project) -> None:
    """A command ignores a setting in a file if it does not apply to the command; the option of the same name is an
    error."""
    small.write("flowc.toml", 'max-workers = 2\nstart = "fresh"\ncluster-store = "/nowhere"\n')
    assert small.flowc("run", "flow.py").code == 0
    done = small.flowc("resume", "flow.py", "--target", "argo", "-o", "x.yaml")
    assert "the store /nowhere is on this machine: pods cannot read it" in done.err
    for option in (["--max-workers", "2"], ["--start", "fork"]):
        done = small.flowc("resume", "flow.py", "--target", "argo", "-o", "x.yaml", *option)
        assert f"{option[0]} is only for runs on this machine" in done.err


def test_the_context_and_the_namespace(small: Project) -> None:
    pytest.importorskip("kubernetes")
    small.write("kubeconfig", json.dumps({"apiVersion": "v1", "kind": "Config", "contexts": [], "clusters": []}))
    small.write("flowc.toml", 'context = "staging"\n')
    for words in (["status"], ["runs", "--cluster"], ["deploy", "flow.py"], ["trigger", "flow.py"]):
        done = small.flowc(*words, KUBECONFIG="kubeconfig")
        assert (done.code, "staging" in done.err) == (1, True), done.err
        assert "testing" in small.flowc(*words, KUBECONFIG="kubeconfig", FLOWC_CONTEXT="testing").err


def test_a_pod_reads_no_file(small: Project) -> None:
    """A pod reads no flowc.toml, since files in its working directory belong to the image or a volume."""
    small.write("flowc.toml", 'start = "fresh"\n')
    assert said(small, "start", FLOWC_POD="p-1") == ("auto", "default")
    small.write("flowc.toml", "faulty")
    assert said(small, "start", FLOWC_POD="p-1", FLOWC_START="fork") == ("fork", "FLOWC_START")


# -- which file --------------------------------------------------------------------------------------------------------


def test_the_nearest_file_counts_alone(project: Project) -> None:
    project.write("pyproject.toml", '[tool.flowc]\nimage = "far:1"\nstart = "fork"\n')
    project.write("near/flowc.toml", 'image = "near:1"\n')
    project.write("near/deep/pyproject.toml", "[tool.other]\n")
    done = below(project, "near/deep", "config", "--json")
    found = json.loads(done.out)
    assert found["file"] == f"{project.root}/near/flowc.toml"
    assert found["settings"]["image"] == {"value": "near:1", "from": f"{project.root}/near/flowc.toml:1"}
    assert found["settings"]["start"]["value"] == "auto"
    assert below(project, "beside", "config", "image").out == "far:1\n"
    assert said(project, "image") == ("far:1", "pyproject.toml:2")


def test_two_files_in_one_directory(project: Project) -> None:
    project.write("flowc.toml", 'image = "x"\n')
    project.write("pyproject.toml", '[project]\nname = "flowc"\n[tool.black]\nflowc = 1\n')
    assert project.flowc("config", "image").out == "x\n"
    project.write("pyproject.toml", '[tool.flowc]\nimage = "y"\n')
    done = project.flowc("runs")
    assert done.code == 2
    assert "flowc.toml and [tool.flowc] of pyproject.toml are in one directory" in done.err
    assert "hint: move the settings of one of them into the other" in done.err


@pytest.mark.parametrize(
    "text",
    [
        '[tool.flowc]\nimage = "x"\n',
        '[ tool . "flowc" ]\nimage = "x"\n',
        '[tool]\nflowc = {image = "x"}\n',
        '[tool]\nflowc.image = "x"\n',
        'tool.flowc.image = "x"\n',
        '"tool" = {flowc = {image = "x"}}\n',
        '\ufeff[tool.flowc]\r\nimage = "x"\r\n',
    ],
)
def test_every_way_to_write_the_section(project: Project, text: str) -> None:
    (project.root / "pyproject.toml").write_text(text, encoding="utf-8", newline="")
    assert project.flowc("config", "image").out == "x\n"


def test_a_pyproject_of_others_is_not_read(project: Project) -> None:
    """A pyproject.toml without the section [tool.flowc] is not parsed, to save time and to ignore its errors."""
    project.write("pyproject.toml", '[tool.black]\nline-length = "\n')
    code = "import sys, flowc.cli\nsys.argv = ['flowc', 'config']\ntry: flowc.cli.main()\nfinally: print(*sys.modules)"
    done = project.python("-c", code)
    assert done.code == 0, done.err
    assert not {"tomllib", "tomli"} & set(done.out.split())
    project.write("flowc.toml", "")
    assert {"tomllib", "tomli"} & set(project.python("-c", code).out.split())


def test_a_program_that_lives_long_sees_a_change(project: Project) -> None:
    project.write("flowc.toml", 'start = "fork"\n')
    code = (
        "from pathlib import Path\nfrom flowc_runtime.base.config.configuration import text\nprint(text('start'))\n"
        "Path('flowc.toml').write_text('start = \"fresh\"\\n')\nprint(text('start'))\n"
        "Path('flowc.toml').unlink()\nprint(text('start'))"
    )
    assert project.python("-c", code).out.split() == ["fork", "fresh", "auto"]


@pytest.mark.parametrize("key", [setting.key for setting in SETTINGS if setting.choices == YES_NO])
def test_yes_and_no_have_their_other_names(project: Project, key: str) -> None:
    for written, value in (("true", "yes"), ("false", "no"), ('"on"', "yes"), ('"False"', "no"), ('"yes"', "yes")):
        project.write("flowc.toml", f"{key} = {written}\n")
        assert project.flowc("config", key).out == f"{value}\n"
        given = project.flowc("config", key, **{BY_KEY[key].variable: written.strip('"')})
        assert given.out == f"{value}\n"


# -- faults ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("\nmax_workers = 2\n", "flowc.toml:2: there is no setting 'max_workers'", "did you mean 'max-workers'?"),
        ("zzz = 2\n", "flowc.toml:1: there is no setting 'zzz'", "the settings are store, executor, catalog, max-workers"),
        ("# x\n[run]\nx = 1\n", "flowc.toml:2: there is no setting 'run'", "the settings are"),
        ("'FLOWC_STORE' = 1\n", "flowc.toml:1: there is no setting 'FLOWC_STORE'", "did you mean 'store'?"),
        ("max-workers = '2'\n", 'flowc.toml:1: max-workers must be a whole number of at least 1, not "2"', "max-workers = 4"),
        ("max-workers = 0\n", "must be a whole number of at least 1, not 0", "write max-workers = 4"),
        ("max-workers = true\n", "must be a whole number of at least 1, not true", "write max-workers = 4"),
        ("max-workers = 2.0\n", "must be a whole number of at least 1, not 2.0", "write max-workers = 4"),
        ("image = 3\n", "flowc.toml:1: image must be a string, not 3", 'write image = "…"'),
        ("image = ''\n", 'image must be a string, not ""', 'write image = "…"'),
        ("store = ['a']\n", "store must be a directory or a URL, as text, not ['a']", 'write store = "…"'),
        ("image.name = 'x'\n", "flowc.toml:1: image must be a string, not {'name': 'x'}", 'write image = "…"'),
        ("start = 'Fork'\n", 'start must be one of auto, fork, fresh, not "Fork"', 'write start = "auto"'),
        ("start = 2026-01-01\n", "start must be one of auto, fork, fresh, not datetime", 'write start = "auto"'),
        ("keep-sources = 'maybe'\n", 'keep-sources must be one of yes, no, not "maybe"', 'write keep-sources = "yes"'),
        ("keep-sources = 0\n", "keep-sources must be one of yes, no, not 0", 'write keep-sources = "yes"'),
        ("start = true\n", "start must be one of auto, fork, fresh, not true", 'write start = "auto"'),
        ("image = x\n", "flowc.toml:1: not valid TOML: Invalid value", "quotes around strings"),
        ("\nimage = 'x\n", "flowc.toml:2: not valid TOML", "quotes around strings"),
        ("image = 'x'\nimage = 'y'\n", "flowc.toml:2: not valid TOML: Cannot overwrite a value", "one setting per line"),
        ("image = ", "flowc.toml:1: not valid TOML", "one setting per line"),
        ("a = " + "[" * 5000, "flowc.toml", ""),
    ],
)  # fmt: skip
def test_a_fault_in_the_file(project: Project, text: str, message: str, hint: str) -> None:
    project.write("flowc.toml", "")
    (project.root / "flowc.toml").write_text(text)
    done = project.flowc("runs")
    assert (done.code, done.out) == (2, ""), done.err
    error, told = done.err.splitlines()
    assert error.startswith("error: ")
    assert message in error
    assert told.startswith("hint: ")
    assert hint in told
    shown = project.flowc("config")
    assert (shown.code, shown.err) == (2, done.err)


def test_faults_are_told_all_at_once_by_every_command(small: Project) -> None:
    small.write("pyproject.toml", "[tool.flowc]\nimage = 1\nimages = 2\n\n[tool.flowc.run]\n[tool.x]\nstart = 1\n")
    places = ["pyproject.toml:2", "pyproject.toml:3", "pyproject.toml:5"]
    for words in (
        ["-m", "flowc", "check", "flow.py"],
        ["-m", "flowc", "tag", "list", "x"],
        ["flow.py"],
        ["flow.py", "run"],
    ):
        done = small.python(*words)
        assert done.code == 2
        assert re.findall(r"^error: (\S+): ", done.err, re.MULTILINE) == places, done.err
    assert small.flowc("--help").code == small.flowc("completion", "bash").code == small.flowc("--version").code == 0
    done = small.flowc("doctor")
    assert done.code == 1
    assert [line.split()[1].rstrip(":") for line in done.out.splitlines() if "pyproject" in line] == places


def test_a_section_that_is_no_table(project: Project) -> None:
    project.write("pyproject.toml", "[tool]\nflowc = 3\n")
    assert "pyproject.toml: [tool.flowc] is not a table" in project.flowc("runs").err
    project.write("pyproject.toml", "[[tool.flowc]]\nstart = 'auto'\n")
    assert "pyproject.toml: [tool.flowc] is not a table" in project.flowc("runs").err


@pytest.mark.parametrize("name", ["flowc.toml", "pyproject.toml"])
def test_a_file_that_cannot_be_read(project: Project, name: str) -> None:
    path = project.root / name

    def refused() -> str:
        done = project.flowc("runs")
        assert done.code == 2
        assert "Traceback" not in done.err
        assert "\nhint: " in done.err
        return done.err

    path.mkdir()
    assert f"cannot read {name}: Is a directory" in refused()
    path.rmdir()
    path.symlink_to(name)
    assert f"cannot read {name}: Too many levels of symbolic links" in refused()
    path.unlink()
    path.symlink_to("missing.toml")
    assert f"cannot read {name}: No such file or directory" in refused()
    path.unlink()
    path.symlink_to("/proc/self/mem")
    assert f"cannot read {name}: Input/output error" in refused()
    path.unlink()
    path.write_bytes(b'[tool.flowc]\n#\nimage = "\xe4"\n')
    assert f"{name}:3: byte 0xe4 is not UTF-8" in refused()
    path.write_text('[tool.flowc]\nimage = "ä"\n', encoding="utf-16")
    if name == "flowc.toml":
        assert f"{name}:1: byte 0xff is not UTF-8" in refused()


@pytest.mark.skipif(os.getuid() != 0, reason="NOT TESTED: only root can become another user who may not read")
def test_no_permission(public_project: Project) -> None:
    public_project.write("flowc.toml", "").chmod(0)
    code = (
        "import os\nfrom flowc_runtime.base.config.configuration import current_file\nfrom flowc_runtime.base.errors import ConfigurationError\n"
        "os.setuid(65534)\ntry: current_file()\nexcept ConfigurationError as error: print(error)"
    )
    assert public_project.python("-c", code).out.startswith(
        "cannot read flowc.toml: Permission denied (make it readable"
    )


@pytest.mark.parametrize(
    ("variable", "value", "words", "message"),
    [
        ("FLOWC_MAX_WORKERS", "many", ["run", "flow.py"], "must be a whole number of at least 1"),
        ("FLOWC_MAX_WORKERS", "0", ["resume", "flow.py"], "must be a whole number of at least 1"),
        ("FLOWC_MAX_WORKERS", "9" * 5000, ["run", "flow.py"], "must be a whole number of at least 1"),
        ("FLOWC_START", "later", ["spin", "flow.py", "end"], "must be one of auto, fork, fresh"),
        ("FLOWC_ENVIRONMENT", "uv", ["run", "flow.py"], "must be one of local, pypi, conda"),
        ("FLOWC_LOG_FORMAT", "xml", ["run", "flow.py"], "must be one of text, json"),
        ("FLOWC_PARALLELISM", "-1", ["compile", "flow.py"], "must be a whole number of at least 1"),
    ],
)
def test_a_fault_in_a_variable(small: Project, variable: str, value: str, words: list[str], message: str) -> None:
    pytest.importorskip("hera")
    own = [["flow.py", *words[:1], *words[2:]]] if words[0] != "compile" else []
    for command in (["-m", "flowc", *words], *own):
        done = small.python(*command, **{variable: value})
        assert done.code == 2
        error, hint = done.err.splitlines()
        assert error.startswith(f"error: {variable}={value}: {message}")
        assert hint.startswith("hint: unset it, or set it to ")
    assert small.flowc("config", **{variable: value}).code == 2


def test_the_working_directory_is_gone(project: Project) -> None:
    code = "import os; os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone'); import flowc_runtime.base.config.configuration as c; "
    assert project.python("-c", code + "print(c.text('start'))").out == "auto\n"


# -- flowc config ------------------------------------------------------------------------------------------------------


def test_all_settings_are_shown(project: Project) -> None:
    project.write("flowc.toml", 'image = "registry/team:1"\n')
    done = project.flowc("config", FLOWC_MAX_WORKERS="3", FLOWC_NAMESPCE="x")
    rows = [re.split(r"  +", line) for line in done.out.splitlines()]
    assert [row[0] for row in rows] == [*BY_KEY]
    assert ["image", "registry/team:1", "flowc.toml:1"] in rows
    assert ["max-workers", "3", "FLOWC_MAX_WORKERS"] in rows
    assert ["namespace", "(that of the kubeconfig's context)", "default"] in rows
    assert f"file: {project.root}/flowc.toml" in done.err
    assert "note: FLOWC_NAMESPCE is not a setting; did you mean 'FLOWC_NAMESPACE'?" in done.err
    assert "no flowc.toml or [tool.flowc] in this or a parent directory" in below(project, "../out", "config").err
    found = json.loads(project.flowc("config", "--json", FLOWC_MAX_WORKERS="3").out)
    assert found["settings"]["max-workers"] == {"value": 3, "from": "FLOWC_MAX_WORKERS"}
    assert project.flowc("config", "max-workers", FLOWC_MAX_WORKERS="3").out == "3\n"
    assert project.flowc("config", "namespace").out == ""
    done = project.flowc("config", "nmespace")
    assert (done.code, "there is no setting 'nmespace'; did you mean 'namespace'?" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["max-workers", "3"], "to set max-workers, write max-workers = 3 in flowc.toml, or set FLOWC_MAX_WORKERS=3"),
        (["max-workers=3"], "to set max-workers, write max-workers = 3 in flowc.toml, or set FLOWC_MAX_WORKERS=3"),
        (["image", "a b"], "to set image, write image = \"a b\" in flowc.toml, or set FLOWC_IMAGE='a b'"),
        (["image", "a", "b"], "unexpected words: a b; give one KEY, or none for all settings"),
    ],
)
def test_config_explains_how_a_setting_is_set(project: Project, words: list[str], error: str) -> None:
    done = project.flowc("config", *words)
    assert (done.code, done.out) == (2, "")
    assert error in done.err


def test_doctor_names_the_file(project: Project) -> None:
    assert "no configuration file in this or a parent directory" in project.flowc("doctor").out
    project.write("flowc.toml", 'start = "fork"\n')
    assert f"configuration file {project.root}/flowc.toml, 1 setting; " in project.flowc("doctor").out


def test_the_keys_are_completed(project: Project) -> None:
    words = {"_FLOWC_COMPLETE": "bash_complete", "COMP_LINE": "flowc config store"}
    assert project.flowc(**words).out.split() == ["plain,store", "plain,store-claim", "plain,store-secret"]


# -- the table ---------------------------------------------------------------------------------------------------------


def test_defaults_are_those_of_the_back_end() -> None:
    from dataclasses import fields

    from flowc.targets.argo.settings import Settings
    from flowc.targets.argo.target import KEYS

    defaults = {field.name: field.default for field in fields(Settings)}
    assert {name: BY_KEY[key].default for name, key in KEYS.items()} == {name: defaults[name] for name in KEYS}


def test_every_setting_is_read_somewhere() -> None:
    """Every setting is used somewhere in the code: as the key of an option, or by its name."""
    remote = ROOT / "runtime_image/flowc_runtime/store/backends/remote"
    places = [ROOT / "compiler/flowc/cli", ROOT / "compiler/flowc/targets", remote]
    files = [path for place in places for path in place.rglob("*.py")]
    files.append(ROOT / "runtime_image/flowc_runtime/base/config/whereabouts.py")
    sources = "\n".join(path.read_text() for path in files)
    for setting in SETTINGS:
        assert re.search(rf'(key=|text\(|lookup\(|from_file\(|": )"{setting.key}"', sources), setting.key


def test_no_other_variable_is_a_setting(tmp_path: Path) -> None:
    """Every FLOWC_* variable in documents and help texts is in the table of settings, or is a variable of pods."""
    pods = {"FLOWC_CACHE", "FLOWC_CODE", "FLOWC_IR", "FLOWC_OUT", "FLOWC_PARAMETERS", "FLOWC_POD", "FLOWC_RESUME",
            "FLOWC_RUN", "FLOWC_COMPLETE", "FLOWC_SEED", "FLOWC_CODE_DIGEST", "FLOWC_REVISION", "FLOWC_RETURNS",
            "FLOWC_CONFIGURATION_FILE", "FLOWC_METRICS", "FLOWC_RETRY_RUN", "FLOWC_UI_TOKEN"}  # fmt: skip
    texts = [path.read_text() for path in (ROOT / "compiler/flowc/cli").rglob("*.py")]
    texts += [path.read_text() for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]]
    named = {name for text in texts for name in re.findall(r"FLOWC_[A-Z_]*[A-Z]", text)} - {"FLOWC_TEST_STORE"}
    assert {name for name in named if not name.startswith("FLOWC_TEST")} <= pods | {s.variable for s in SETTINGS}


def test_old_python_needs_tomli(tmp_path: Path) -> None:
    """Under Python 3.10 a step's own interpreter may lack tomli; the error about this is one line."""
    (tmp_path / "flowc.toml").write_text('start = "fork"\n')
    code = (
        "import sys\nsys.modules['tomllib'] = sys.modules['tomli'] = None\n"
        "from flowc_runtime.base.config.configuration import text\nfrom flowc_runtime.base.errors import ConfigurationError\n"
        "try: text('start')\nexcept ConfigurationError as error: print(error)"
    )
    path = os.pathsep.join(str(ROOT / part) for part in ("compiler", "runtime_image"))
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": path}, capture_output=True,
                          text=True, check=True)  # fmt: skip
    assert "which is not installed (pip install toml" in done.stdout


def test_a_directory_is_no_configuration_file(small: Project) -> None:
    done = small.flowc("runs", FLOWC_CONFIGURATION_FILE=".")
    assert (done.code, done.err) == (
        2, "error: the configuration file . is a directory\nhint: name a file, such as flowc.toml\n",
    )  # fmt: skip
    small.write("conf/flowc.toml", "")
    done = small.flowc("runs", FLOWC_CONFIGURATION_FILE="conf")
    assert done.err.endswith("hint: name a file in it, such as conf/flowc.toml\n")
