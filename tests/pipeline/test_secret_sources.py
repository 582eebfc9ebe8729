"""The setting `secrets` selects the source of secrets; a flow works with every source, locally and in Argo."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
import yaml

from plugin_package import install
from targets.argo.test_conformance import played

if TYPE_CHECKING:
    from pathlib import Path

    from flowc_runtime.store.records.run_store import RunStore
    from project import Finished, Project

VALUE = "hunter2-of-the-team"

PIPELINE = """
    from flowc.pipeline import Pipeline, PythonTask, ShellTask

    def measure(where):
        import os
        open(where + "/ran", "w").close()
        return len(os.environ["TOKEN"])

    def compare(length):
        import os
        return length == len(os.environ["TOKEN"])

    flow = Pipeline(name="flow", parameters={"where": "."}, steps=[
        PythonTask(name="measure", function=measure, returns=["length"], secrets=["TOKEN"]),
        PythonTask(name="compare", function=compare, returns=["same"], secrets=["TOKEN"]),
        ShellTask(name="show", command='echo "key $TOKEN"; set -x; : "$TOKEN"; echo "key $TOKEN" >&2; export n=${#TOKEN}',
                  returns=["n"], secrets=["TOKEN"]),
    ])
    failing = Pipeline(name="failing", steps=[
        ShellTask(name="show", command='echo "no $TOKEN" >&2; exit 3', secrets=["TOKEN"])])
    """

CLASS = """
    import os
    from metaflow import FlowSpec, secrets, step

    class Named(FlowSpec):
        @secrets(sources=["TOKEN", {"id": "USERNAME"}])
        @step
        def start(self):
            self.lengths = [len(os.environ["TOKEN"]), len(os.environ["USERNAME"])]
            self.next(self.end)

        @step
        def end(self):
            self.after = "TOKEN" in os.environ
    """

SOURCES = ["env", "dotenv", "dotenv:conf/team.env", "files:mounted", "vault:team.txt"]


@pytest.fixture(scope="session")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("chosen"))


@pytest.fixture
def team(project: Project, plugins: Path) -> Project:
    """Return a project with a pipeline, data for every source of secrets, and an installed package with plugins."""
    project.environment["PYTHONPATH"] += f"{os.pathsep}{plugins}"
    project.write("flow.py", PIPELINE)
    project.write(".env", f"export TOKEN='{VALUE}'\nUSERNAME=ada\n")
    project.write("conf/team.env", f"TOKEN={VALUE}\nUSERNAME=ada\n")
    project.write("mounted/TOKEN", f"{VALUE}\n")
    project.write("mounted/USERNAME", "ada")
    project.write("team.txt", f"TOKEN: {VALUE}\nUSERNAME: ada\nMORE: other\n")
    return project


def with_source(team: Project, source: str) -> dict[str, str]:
    """Return environment variables that make a run read its secrets from this source."""
    return {"TOKEN": VALUE, "USERNAME": "ada"} if source == "env" else {"FLOWC_SECRETS": source}


def has_no_secret(team: Project, *done: Finished) -> bool:
    """Return whether the secret is neither in the outputs nor in any file of the store."""
    files = [path for path in (team.root / ".flowc").rglob("*") if path.is_file()]
    assert files
    found = [path for path in files if VALUE.encode() in path.read_bytes()]
    return not found and not any(VALUE in each.out + each.err for each in done)


@pytest.mark.parametrize("source", SOURCES)
def test_the_flow_is_the_same_with_every_source(team: Project, source: str) -> None:
    environment = with_source(team, source)
    done = team.flowc("run", "--local", "flow.py:flow", **environment)
    assert done.code == 0, done.err
    run = team.latest()
    assert team.artifacts(run, "measure")["length"] == len(VALUE)
    assert team.artifacts(run, "compare")["same"] is True
    assert team.artifacts(run, "show")["n"] == len(VALUE)
    assert "key ***" in done.out
    logs = team.flowc("logs", f"flow/{run.id}")
    assert "key ***" in logs.out
    assert "key ***" in logs.err
    ir, config = team.flowc("ir", "flow.py:flow", **environment), team.flowc("config", **environment)
    assert [node["secrets"] for node in json.loads(ir.out)["nodes"]] == [[{"type": "configured", "id": "TOKEN"}]] * 3
    assert has_no_secret(team, done, logs, ir, config)


@pytest.mark.parametrize("source", SOURCES)
def test_a_failed_command_does_not_tell_the_secret(team: Project, source: str) -> None:
    done = team.flowc("run", "--local", "flow.py:failing", **with_source(team, source))
    assert done.code == 1
    assert "no ***" in done.err
    assert has_no_secret(team, done, team.flowc("show", "failing"))


@pytest.mark.parametrize("source", SOURCES)
def test_a_flow_class_reads_the_same_setting(team: Project, source: str) -> None:
    team.write("named.py", CLASS)
    run = team.run("named.py", **with_source(team, source))
    assert team.artifacts(run, "end")["lengths"] == [len(VALUE), 3]
    assert team.artifacts(run, "end")["after"] is (source == "env")
    assert has_no_secret(team)


def test_where_the_setting_comes_from(team: Project) -> None:
    """A path in flowc.toml is relative to that file; an option or a variable takes precedence over the file."""
    team.write("below/flow.py", PIPELINE)
    team.write("flowc.toml", 'secrets = "dotenv:conf/team.env"\n')

    def run(*words: str, **environment: str) -> Finished:
        code = (
            f"import os, sys; os.chdir('below'); from flowc.cli import main; sys.argv = ['flowc', *{words!r}]; main()"
        )
        return team.python("-c", code, **environment)

    assert run("run", "--local", "flow.py:flow").code == 0
    assert run("config", "secrets").out == f"dotenv:{team.root}/conf/team.env\n"
    refused = run("run", "--local", "flow.py:flow", FLOWC_SECRETS="env")
    assert "env does not have the secret 'TOKEN'" in refused.err
    assert run("run", "--local", "flow.py:flow", "--secrets", "files:../mounted", FLOWC_SECRETS="env").code == 0


def test_the_chosen_source_replaces_a_variable_of_the_name(team: Project) -> None:
    team.run("flow.py:flow", FLOWC_SECRETS="dotenv", TOKEN="another")
    assert team.artifacts(team.latest(), "measure")["length"] == len(VALUE)


VARIABLES = """
    from flowc.pipeline import Pipeline, PythonTask, ShellTask

    def token():
        import os
        return os.environ["TOKEN"][::-1]

    variables = {"TOKEN": "of-the-step", "OTHER": "of-the-step"}
    python = Pipeline(name="python", steps=[
        PythonTask(name="show", function=token, returns=["it"], secrets=["TOKEN"], environment=variables)])
    shell = Pipeline(name="shell", steps=[
        ShellTask(name="show", command='export it="$(printf %s "$TOKEN" | rev)"', returns=["it"], secrets=["TOKEN"],
                  environment=variables)])
    overrides = Pipeline(name="overrides", steps=[
        PythonTask(name="show", function=token, returns=["it"], secrets=["TOKEN"], overrides="one")])
    """


@pytest.mark.parametrize(("source", "start"), [("env", "fork"), ("env", "fresh"), ("dotenv", "fork")])
@pytest.mark.parametrize("name", ["python", "shell", "overrides"])
def test_a_variable_of_the_step_is_not_the_secret(team: Project, name: str, source: str, start: str) -> None:
    """If a step has a variable with the name of a secret, the secret's value still comes from the source of secrets."""
    team.write("variables.py", VARIABLES)
    team.write("flowc.toml", '[overrides.one]\nenvironment = { TOKEN = "of-the-step" }\n')
    run = team.run(f"variables.py:{name}", "--start", start, **with_source(team, source))
    assert team.artifacts(run, "show")["it"] == VALUE[::-1]


@pytest.mark.parametrize("name", ["python", "overrides"])
def test_a_variable_of_the_step_is_no_secret_that_is_missing(team: Project, name: str) -> None:
    team.write("variables.py", VARIABLES)
    team.write("flowc.toml", '[overrides.one]\nenvironment = { TOKEN = "of-the-step" }\n')
    done = team.flowc("run", "--local", f"variables.py:{name}")
    assert done.code == 1
    assert "error: step 'show' needs the secret 'TOKEN': env does not have the secret 'TOKEN'" in done.err


@pytest.mark.parametrize("keys", [{"TOKEN": VALUE}, {}])
def test_a_variable_of_the_step_is_not_the_secret_of_a_pod(team: Project, keys: dict[str, str]) -> None:
    team.write("variables.py", VARIABLES)
    run = played(team, "variables.py:python", "--secrets", "kubernetes:team", cluster_secrets={"team": keys})
    assert run.status()["state"] == ("succeeded" if keys else "failed")
    if keys:
        assert team.artifacts(run, "show")["it"] == VALUE[::-1]


@pytest.mark.parametrize(
    ("source", "message", "hint"),
    [
        ("env", "env does not have the secret 'TOKEN'", "set the variable TOKEN before you start the run"),
        ("dotenv:empty.env", "dotenv:empty.env does not have the secret 'TOKEN'", "add a line TOKEN=… to the file"),
        ("dotenv:nowhere.env", "dotenv:nowhere.env: cannot read", "choose another source: `secrets` in flowc.toml"),
        ("dotenv:broken.env", "dotenv:broken.env: line 2 is not NAME=value", "choose another source"),
        ("files:empty", "files:empty does not have the secret 'TOKEN'", "write the value into a file TOKEN in ROOT/empty"),
        ("files:nowhere", "files:nowhere: there is no such directory", "choose another source"),
        ("kubernetes:team", "kubernetes:team is a Secret of a cluster, which flowc does not read on this machine",
         "for runs here, set FLOWC_SECRETS to env, dotenv:PATH or files:DIR"),
    ],
)  # fmt: skip
def test_a_missing_secret_is_told_before_the_run(team: Project, source: str, message: str, hint: str) -> None:
    team.write("empty.env", "OTHER=1\n")
    team.write("broken.env", f"A=1\n{VALUE}\n")
    (team.root / "empty").mkdir()
    done = team.flowc("run", "--local", "flow.py:flow", FLOWC_SECRETS=source)
    assert done.code == 1
    for step in ("measure", "compare", "show"):
        assert f"error: step '{step}' needs the secret 'TOKEN': {message}" in done.err
    assert f"hint: {hint.replace('ROOT', str(team.root))}" in done.err
    assert team.store.flows() == []
    assert not (team.root / "ran").exists()
    assert VALUE not in done.out + done.err


@pytest.mark.parametrize("value", ["files", "env:x", "kubernetes", "kubernetes:", "dotenv:", "a b", ":x"])
def test_what_is_no_source(team: Project, value: str) -> None:
    done = team.flowc("run", "--local", "flow.py:flow", FLOWC_SECRETS=value)
    assert done.code != 0
    assert f"FLOWC_SECRETS={value}: must be env, dotenv:PATH, files:DIR, kubernetes:NAME, or the name" in done.err
    assert team.flowc("run", "--local", "flow.py:flow", "--secrets", value).code == 2


@pytest.mark.parametrize("name", ["UPPER_x", "My Team", "-a"])
def test_a_name_that_is_no_secret_of_kubernetes(team: Project, name: str) -> None:
    right = "kubernetes:NAME with a valid name of a Secret in Kubernetes (lower-case letters, digits, '-' and '.')"
    value = f"kubernetes:{name}"
    run = team.flowc("run", "--local", "flow.py:flow", FLOWC_SECRETS=value)
    assert f'FLOWC_SECRETS={value}: must be {right}, not "{value}"' in run.err
    assert f'must be {right}, not "{value}"' in team.flowc("run", "--local", "flow.py:flow", "--secrets", value).err
    for target in ("argo", "stepfunctions"):
        words = ("--target", target, "--store", "s3://team/runs", "--image", "image")
        done = team.flowc("compile", *words, "flow.py:flow", "--secrets", value)
        assert done.code == 2
        assert f"setting secrets: {right}, not '{value}'" in done.err
    team.write("flowc.toml", f'secrets = "{value}"\n')
    assert f'flowc.toml:1: secrets must be {right}, not "{value}"' in team.flowc("config", "secrets").err


def test_a_patched_step_needs_no_secret(team: Project) -> None:
    assert team.flowc("run", "--local", "flow.py:flow", "--mock").code == 0


def test_a_resumed_run_tells_of_the_secret_before_the_code(team: Project) -> None:
    team.write("flow.py", PIPELINE.replace("export n=${#TOKEN}", "export n=${#TOKEN}; [ ! -e stop ]"))
    team.write("stop", "")
    assert team.flowc("run", "--local", "flow.py:flow", FLOWC_SECRETS="dotenv").code == 1
    (team.root / "stop").unlink()
    done = team.flowc("resume", "flow.py:flow", FLOWC_SECRETS="files:empty")
    assert done.code == 1
    assert "step 'show' failed: files:empty: there is no such directory; choose another source" in done.err
    assert team.flowc("resume", "flow.py:flow", "--secrets", "dotenv:conf/team.env").code == 0


# -- plugins -----------------------------------------------------------------------------------------------------------


def test_a_package_is_not_imported_unless_it_is_named(team: Project) -> None:
    assert "the package is imported" not in team.flowc("run", "--local", "flow.py:flow", FLOWC_SECRETS="dotenv").err
    run = team.flowc("run", "--local", "flow.py:flow", FLOWC_SECRETS="vault:team.txt")
    assert run.code == 0
    assert "the package is imported" in run.err  # the tasks import the package, because the setting names it


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("vault:sealed.txt", "the source of secrets 'vault' of the distribution 'chosen-plugins' fails with "
         "PermissionError in secrets.py, line"),
        ("vault:other.txt", "vault:other.txt does not have the secret 'TOKEN'; add TOKEN to it"),
        ("number", "the value of TOKEN is of type int, not text"),
        ("aclass", "chosen_plugins.secrets:Vault is a type, not a flowc.plugins.SecretSource"),
    ],
)  # fmt: skip
def test_a_plugin_that_fails(team: Project, source: str, message: str) -> None:
    team.write("sealed.txt", f"TOKEN: {VALUE}\nsealed: yes\n")
    team.write("other.txt", "OTHER: 1\n")
    done = team.flowc("run", "--local", "flow.py:flow", FLOWC_SECRETS=source)
    assert done.code == 1
    assert "step 'measure' failed" in done.err
    assert message in done.err
    assert not (team.root / "ran").exists()
    assert has_no_secret(team, done)


# -- other forms and commands ------------------------------------------------------------------------------------------


def test_yaml_reads_the_same_setting(team: Project) -> None:
    team.write("team.yaml", """
        name: team
        steps:
          - shell: echo "key $TOKEN"; export n=${#TOKEN}
            name: show
            returns: [n]
            secrets: [TOKEN]
        """)  # fmt: skip
    run = team.run("team.yaml", FLOWC_SECRETS="files:mounted")
    assert team.artifacts(run, "show")["n"] == len(VALUE)
    assert has_no_secret(team)
    team.write("team.yaml", (team.root / "team.yaml").read_text().replace("[TOKEN]", "[my-key]"))
    assert "'my-key' is not the name of a variable" in team.flowc("check", "team.yaml").err


def test_debug_has_the_secrets(team: Project) -> None:
    team.write("named.py", CLASS)
    run = team.run("named.py", FLOWC_SECRETS="vault:team.txt")
    (team.root / "team.txt").unlink()
    words = ["debug", f"Named/{run.id}/start", "--post-mortem"]
    done = team.flowc(*words, FLOWC_SECRETS="dotenv")
    assert done.code == 0, done.err
    assert "env does not have the secrets 'TOKEN' and 'USERNAME'" in team.flowc(*words).err


@pytest.mark.parametrize(
    ("source", "pickler"),
    [("env", "backwards"), ("dotenv", "cloudpickle"), ("files:mounted", "pickle"), ("vault:team.txt", "backwards")],
)
@pytest.mark.parametrize("store", [".flowc", "elsewhere"])
def test_choices_do_not_change_the_result(team: Project, source: str, pickler: str, store: str) -> None:
    environment = with_source(team, source) | {"FLOWC_PICKLER": pickler, "FLOWC_STORE": store}
    done = team.flowc("run", "--local", "flow.py:flow", **environment)
    assert done.code == 0, done.err
    (row,) = json.loads(team.flowc("artifact", "flow/n", "--json", **environment).out)
    assert row["repr"] == str(len(VALUE))
    assert row.get("pickler", {"name": "pickle"})["name"] == pickler
    assert (team.root / store / "flows").is_dir()


# -- flow classes ------------------------------------------------------------------------------------------------------


def test_metaflow_s_default_type_and_its_precedence(team: Project) -> None:
    team.write("named.py", CLASS)
    default = {"METAFLOW_DEFAULT_SECRETS_BACKEND_TYPE": "env"}

    def types(**environment: str) -> list[str]:
        start = json.loads(team.flowc("ir", "named.py", **environment).out)["nodes"][0]
        return [secret["type"] for secret in start["secrets"]]

    assert types() == types(FLOWC_SECRETS="dotenv", **default) == ["configured"] * 2
    team.write("flowc.toml", 'secrets = "dotenv"\n')
    assert types(**default) == ["env"] * 2


# -- on a cluster ------------------------------------------------------------------------------------------------------


def containers(team: Project, *words: str) -> dict[str, dict[str, object]]:
    done = team.flowc("compile", *words)
    assert done.code == 0, done.err
    assert VALUE not in done.out
    template = next(each for each in yaml.safe_load_all(done.out) if each["kind"] == "WorkflowTemplate")
    steps = [each for each in template["spec"]["templates"] if "container" in each]
    return {
        each["name"]: {one["name"]: one.get("value", one.get("valueFrom")) for one in each["container"]["env"]}
        for each in steps
    }


def test_a_secret_of_the_cluster(team: Project) -> None:
    team.write("flowc.toml", 'secrets = "kubernetes:team"\n')
    found = containers(team, "flow.py:flow")
    key = {"secretKeyRef": {"name": "team", "key": "TOKEN", "optional": True}}
    with_key = [name for name, variables in found.items() if variables.get("TOKEN") == key]
    assert with_key
    assert all(found[name]["FLOWC_SECRETS"] == "kubernetes:team" for name in with_key)
    assert "TOKEN" not in found["finish"]
    run: RunStore = played(team, "flow.py:flow", cluster_secrets={"team": {"TOKEN": VALUE}}, where=str(team.root))
    assert run.status()["state"] == "succeeded"
    assert team.artifacts(run, "show")["n"] == len(VALUE)
    assert not [
        path for path in (team.root / ".cluster").rglob("*") if path.is_file() and VALUE.encode() in path.read_bytes()
    ]
    assert team.flowc("run", "--local", "flow.py:flow", "--secrets", "dotenv").code == 0


def test_a_key_that_the_cluster_lacks_is_told_by_the_pod(team: Project) -> None:
    run = played(team, "flow.py:flow", "--secrets", "kubernetes:team", where=str(team.root))
    status = run.status()
    assert (status["state"], status["failed"]) == ("failed", "measure/0")
    assert (
        "kubernetes:team does not have the secret 'TOKEN'; add the key TOKEN to the Secret 'team'" in status["message"]
    )
    assert not (team.root / "ran").exists()


def test_a_plugin_reads_the_secret_in_the_pod(team: Project) -> None:
    run = played(team, "flow.py:flow", "--secrets", f"vault:{team.root}/team.txt", where=str(team.root))
    assert team.artifacts(run, "show")["n"] == len(VALUE)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("env", "step 'show': the secret 'TOKEN' comes from env (`secrets`), which is on this machine, not in a pod"),
        ("dotenv", "step 'show': the secret 'TOKEN' comes from dotenv:.env (`secrets`), which is on this machine"),
        (
            "files:/run/team",
            "comes from files:/run/team (`secrets`), and no volume of its pods contains this directory",
        ),
        ("vault:$(HOME)", "comes from vault:$(HOME) (`secrets`), which contains a blank, '$' or '{{'"),
    ],
)
def test_a_source_that_pods_do_not_have(team: Project, source: str, message: str) -> None:
    done = team.flowc("compile", "flow.py:flow", "--secrets", source)
    assert done.code == 1
    assert message in done.err
    assert 'set `secrets = "kubernetes:NAME"` in flowc.toml, or --secrets kubernetes:NAME' in done.err


def test_a_mounted_directory(team: Project) -> None:
    claims = '@kubernetes(persistent_volume_claims={"team": "/team"})'
    named = CLASS.replace("secrets, step", "kubernetes, secrets, step")
    team.write("named.py", named.replace("        @secrets", f"        {claims}\n        @secrets"))
    found = containers(team, "named.py", "--secrets", "files:/team/keys")
    assert [variables.get("FLOWC_SECRETS") for variables in found.values() if "FLOWC_SECRETS" in variables] == [
        "files:/team/keys"
    ]
    assert not any("TOKEN" in variables for variables in found.values())


def test_containers_on_aws_have_secrets_of_plugins_only(team: Project) -> None:
    done = team.flowc("compile", "--target", "stepfunctions", "flow.py:flow")
    assert "step 'show' has the secret 'TOKEN' from env (`secrets`), which containers on AWS do not have" in done.err
    done = team.flowc("compile", "--target", "stepfunctions", "flow.py:flow", "--secrets", "vault:team")
    assert done.code == 0, done.err
    assert done.out.count('"FLOWC_SECRETS"') == 3
