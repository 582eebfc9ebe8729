"""The tables `[defaults]`, `[overrides.NAME]` and `[steps.FLOW.STEP]` in flowc.toml: in the IR of flows, in local runs,
and in Argo's manifests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from project import Project

FLOW = """
    import os
    from metaflow import FlowSpec, kubernetes, resources, step

    class Digits(FlowSpec):
        @kubernetes(image="own:1")
        @step
        def start(self):
            self.level = os.environ.get("LEVEL")
            self.next(self.train)

        @resources(memory=100, cpu=3)
        @step
        def train(self):
            self.level = os.environ.get("LEVEL")
            self.next(self.end)

        @step
        def end(self):
            self.level = os.environ.get("LEVEL")

    if __name__ == "__main__":
        Digits()
    """

PIPELINE = """
    import os
    import time
    from flowc.pipeline import Pipeline, PythonJob, PythonTask, ShellTask

    def attempts():
        with open("attempts", "a") as file:
            file.write("x")
        if os.path.getsize("attempts") < 3:
            raise ValueError("again")
        return os.environ["LEVEL"], os.environ["TEAM"]

    def sleep():
        time.sleep(60)

    tried = Pipeline(name="tried", steps=[PythonTask(function=attempts, returns=["level", "team"], overrides={"argo": "loud"})])
    alone = PythonJob(function=attempts, returns=["level", "team"], overrides="loud")
    slow = Pipeline(name="slow", steps=[PythonTask(function=sleep, overrides="quick")])
    own = Pipeline(name="own", steps=[PythonTask(function=sleep, overrides="quick", timeout=2)])
    unknown = Pipeline(name="unknown", steps=[ShellTask(name="say", command="true", overrides="quik")])
    """

TABLES = """
    [defaults]
    retry = 2
    environment = { LEVEL = "info", TEAM = "vision" }

    [overrides.loud]
    environment = { LEVEL = "debug" }

    [overrides.quick]
    retry = 0
    timeout = "1s"
    """


def nodes(project: Project, name: str, *options: str, **environment: str) -> dict[str, Any]:
    """Return the nodes of a flow's IR by their names."""
    done = project.flowc("ir", name, *options, **environment)
    assert done.code == 0, done.err
    return {node["id"]: node for node in json.loads(done.out)["nodes"]}


def templates(project: Project, name: str, *options: str, **environment: str) -> dict[str, Any]:
    """Return the pod templates of the manifest: step name -> template, and the template of the exit handler."""
    done = project.flowc("compile", "--target", "argo", name, *options, **environment)
    assert done.code == 0, done.err
    (workflow,) = [each for each in yaml.safe_load_all(done.out) if each["kind"] == "WorkflowTemplate"]
    made = {each["name"]: each for each in workflow["spec"]["templates"]}
    tasks = [task for each in made.values() for task in each.get("dag", {}).get("tasks", ())]
    steps = {value["value"]: task["template"] for task in tasks for value in task["arguments"]["parameters"]
             if value["name"] == "step"}  # fmt: skip
    return {**{step: made[template] for step, template in steps.items()}, "finish": made["finish"]}


@pytest.fixture
def digits(project: Project) -> Project:
    project.write("flow.py", FLOW)
    project.write("tasks.py", PIPELINE)
    return project


# -- merging -----------------------------------------------------------------------------------------------------------


def test_an_override_of_the_image_resets_no_resources_and_adds_no_deadline(digits: Project) -> None:
    digits.write("flowc.toml", '[overrides.cuda]\nimage = "cuda:1"\n[steps.Digits.train]\noverride = "cuda"\n')
    after = nodes(digits, "flow.py")["train"]
    assert after["resources"] == {"cpu": "3", "memory": 100}
    assert after["kubernetes"] == {"image": "cuda:1"}
    assert "timeout" not in after
    assert "retry" not in after
    made = templates(digits, "flow.py")
    assert made["train"]["container"]["image"] == "cuda:1"
    assert made["train"]["container"]["resources"] == {"requests": {"cpu": "3", "memory": "100Mi"}}
    assert not any("activeDeadlineSeconds" in each for each in made.values())


def test_flows_are_the_same_without_tables(digits: Project) -> None:
    plain = digits.flowc("ir", "flow.py").out
    digits.write("flowc.toml", 'store = "runs"\n')
    assert digits.flowc("ir", "flow.py").out == plain
    digits.write("flowc.toml", '[overrides.cuda]\nimage = "cuda:1"\n[steps.Other.train]\nretry = 3\n')
    assert digits.flowc("ir", "flow.py").out == plain


def test_the_order_of_the_tables_and_the_step(digits: Project) -> None:
    """The order of precedence of a step's settings is kept.

    In order of decreasing precedence: the table `[steps.FLOW.STEP]`, the table `[overrides.NAME]` that it names, the
    arguments in the step, the table `[overrides.NAME]` that the step names, `[defaults]`.
    """
    digits.write(
        "pipe.py",
        """
        from flowc.pipeline import Pipeline, ShellTask

        def task(name, **more):
            return ShellTask(name=name, command="true", resources={"cpu": 2}, environment={"OWN": "task"}, **more)

        pipe = Pipeline(name="pipe", steps=[task("a"), task("b", overrides="one"), task("c", overrides="one"), task("d")])
        """,
    )
    digits.write(
        "flowc.toml",
        """
        [defaults]
        resources = { cpu = 1, memory = 1, disk = 1, gpu = 1 }
        environment = { OWN = "defaults", ALL = "defaults", ONE = "defaults" }

        [overrides.one]
        resources = { cpu = 3, memory = 3, disk = 3 }
        environment = { OWN = "one", ONE = "one" }

        [overrides.two]
        resources = { cpu = 4, memory = 4 }
        environment = { OWN = "two" }

        [steps.pipe.c]
        override = "two"

        [steps.pipe.d]
        override = "two"
        resources = { cpu = 5 }
        """,
    )
    found = nodes(digits, "pipe.py:pipe")
    assert {name: node["resources"] for name, node in found.items()} == {
        "a": {"cpu": "2", "memory": 1, "gpu": 1, "disk": 1},
        "b": {"cpu": "2", "memory": 3, "gpu": 1, "disk": 3},
        "c": {"cpu": "4", "memory": 4, "gpu": 1, "disk": 1},
        "d": {"cpu": "5", "memory": 4, "gpu": 1, "disk": 1},
    }
    assert {name: node["environment"] for name, node in found.items()} == {
        "a": {"OWN": "task", "ALL": "defaults", "ONE": "defaults"},
        "b": {"OWN": "task", "ALL": "defaults", "ONE": "one"},
        "c": {"OWN": "two", "ALL": "defaults", "ONE": "defaults"},
        "d": {"OWN": "two", "ALL": "defaults", "ONE": "defaults"},
    }


def test_tolerations_retry_and_timeout_are_one_value_each(digits: Project) -> None:
    digits.write(
        "flowc.toml",
        """
        [defaults]
        retry = { times = 3, wait = "30s" }
        timeout = "1h"
        tolerations = [{ key = "spot", operator = "Exists" }]

        [overrides.big]
        retry = 1
        timeout = 60
        tolerations = [{ key = "gpu", operator = "Exists" }]

        [steps.Digits.train]
        override = "big"
        """,
    )
    found = nodes(digits, "flow.py")
    assert (found["end"]["retry"], found["end"]["timeout"]) == ({"times": 3, "wait_seconds": 30}, {"seconds": 3600})
    assert found["end"]["kubernetes"] == {"tolerations": [{"key": "spot", "operator": "Exists"}]}
    assert (found["train"]["retry"], found["train"]["timeout"]) == ({"times": 1}, {"seconds": 60})
    assert found["train"]["kubernetes"] == {"tolerations": [{"key": "gpu", "operator": "Exists"}]}


def test_defaults_replace_the_amounts_that_nobody_wrote(digits: Project) -> None:
    """@kubernetes has its own defaults, which apply only if neither the step nor a table sets the amount."""
    assert nodes(digits, "flow.py")["start"]["resources"] == {
        "cpu": "1", "memory": 4096, "disk": 10240, "assumed": ["cpu", "memory", "disk"],
    }  # fmt: skip
    digits.write("flowc.toml", '[defaults]\nresources = { memory = "8Gi" }\n')
    assert nodes(digits, "flow.py")["start"]["resources"] == {
        "cpu": "1", "memory": 8192, "disk": 10240, "assumed": ["cpu", "disk"],
    }  # fmt: skip
    # `--with` adds the decorator to `train` and `end`
    written = nodes(digits, "flow.py", "--with", "kubernetes:memory=4096")
    assert written["end"]["resources"]["memory"] == 4096


def test_the_ir_has_the_result_and_no_names_of_overrides(digits: Project) -> None:
    digits.write("flowc.toml", TABLES)
    merged = digits.flowc("ir", "tasks.py:tried")
    assert '"override"' not in merged.out
    assert '"environment":' in merged.out
    digits.write("ir.json", merged.out)
    assert digits.flowc("ir", "ir.json").out == merged.out  # merging again changes nothing
    (digits.root / "flowc.toml").unlink()
    assert digits.flowc("ir", "ir.json").out == merged.out


# -- runs on this machine ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["tasks.py:tried", "tasks.py:alone"])
def test_retries_and_variables_hold_in_a_local_run(digits: Project, name: str) -> None:
    digits.write("flowc.toml", TABLES)
    run = digits.run(name)
    assert run.task("attempts", "0")["attempt"] == 3
    values = digits.artifacts(run, "attempts")
    assert (values["level"], values["team"]) == ("debug", "vision")


@pytest.mark.parametrize(("name", "seconds"), [("slow", 1), ("own", 2)])
def test_timeouts_hold_in_a_local_run(digits: Project, name: str, seconds: int) -> None:
    digits.write("flowc.toml", TABLES)
    done = digits.flowc("run", f"tasks.py:{name}")
    assert done.code == 1
    assert f"{seconds} s" in done.err
    assert digits.latest().attempts("sleep") == {"0": [1]}


def test_flow_classes_read_the_same_tables(digits: Project) -> None:
    digits.write("flowc.toml", TABLES + '\n    [steps.Digits.train]\n    override = "loud"\n')
    for words in (["run", "flow.py"], ["run", "--start", "fresh", "flow.py"]):
        assert digits.flowc(*words).code == 0
        run = digits.latest()
        levels = {step: digits.artifacts(run, step)["level"] for step in ("start", "train", "end")}
        assert levels == {"start": "info", "train": "debug", "end": "info"}
    assert digits.python("flow.py", "run").code == 0
    assert digits.artifacts(digits.latest(), "train")["level"] == "debug"


def test_a_changed_variable_of_the_configuration_runs_a_cached_step_again(digits: Project) -> None:
    digits.write("flowc.toml", '[defaults]\nenvironment = { LEVEL = "a" }\n')
    digits.run("flow.py", "--cache")
    assert "cached" in digits.flowc("run", "--cache", "flow.py").err
    digits.write("flowc.toml", '[defaults]\nimage = "b"\nenvironment = { LEVEL = "a" }\nresources = { cpu = 1 }\n')
    assert "cached" in digits.flowc("run", "--cache", "flow.py").err  # pods change no result
    digits.write("flowc.toml", '[defaults]\nenvironment = { LEVEL = "b" }\n')
    assert "cached" not in digits.flowc("run", "--cache", "flow.py").err
    assert digits.artifacts(digits.latest(), "train")["level"] == "b"


def test_a_failed_run_is_resumed_with_a_changed_configuration(digits: Project) -> None:
    digits.write("flowc.toml", TABLES.replace("retry = 2", "retry = 0"))
    assert digits.flowc("run", "tasks.py:tried").code == 1
    digits.write("flowc.toml", TABLES)
    done = digits.flowc("resume", "tasks.py:tried")
    assert done.code == 0, done.err
    assert digits.artifacts(digits.latest(), "attempts")["level"] == "debug"


# -- the manifest for Argo ---------------------------------------------------------------------------------------------

ALL_KEYS = """
    [defaults]
    image = "registry/base:1"
    service-account = "everyone"
    node-selector = { pool = "flows" }

    [overrides.all]
    image = "registry/cuda:1"
    image-pull-policy = "Always"
    image-pull-secrets = ["registry"]
    service-account = "trainer"
    resources = { cpu = 2, memory = "4Gi", gpu = 1, disk = "1Gi", shared-memory = "64Mi" }
    environment = { LEVEL = "high" }
    node-selector = { disk = "ssd" }
    tolerations = [{ key = "gpu", operator = "Exists", effect = "NoExecute", toleration-seconds = 30 }]
    labels = { team = "vision" }
    annotations = { "example.com/owner" = "me" }
    gpu-vendor = "amd"
    extended-resources = { "example.com/fpga" = 1 }
    persistent-volume-claims = { data = "/data" }
    security-context = { run-as-user = 2000 }
    retry = { times = 3, wait = "30s" }
    timeout = "1h"

    [steps.Digits.end]
    override = "all"
    """

POD = """
metadata:
  annotations: {example.com/owner: me}
  labels: {team: vision, flowc.dev/step: '{{inputs.parameters.step}}', flowc.dev/path: '{{inputs.parameters.path}}'}
nodeSelector: {pool: flows, disk: ssd}
tolerations: [{key: gpu, operator: Exists, effect: NoExecute, tolerationSeconds: 30}]
serviceAccountName: trainer
activeDeadlineSeconds: '3720'
volumes:
- {name: shm, emptyDir: {medium: Memory, sizeLimit: 64Mi}}
- {name: claim-0, persistentVolumeClaim: {claimName: data}}
"""
CONTAINER = """
image: registry/cuda:1
imagePullPolicy: Always
resources:
  requests: {cpu: '2', memory: 4096Mi, ephemeral-storage: 1024Mi, amd.com/gpu: '1', example.com/fpga: '1'}
  limits: {amd.com/gpu: '1', example.com/fpga: '1'}
"""


def test_every_key_is_in_the_manifest(digits: Project) -> None:
    digits.write("flowc.toml", ALL_KEYS)
    made = templates(digits, "flow.py")
    pod, container = made["end"], made["end"]["container"]
    expected = yaml.safe_load(POD)
    assert {key: pod[key] for key in expected} == expected
    expected = yaml.safe_load(CONTAINER)
    assert {key: container[key] for key in expected} == expected
    assert {"name": "LEVEL", "value": "high"} in container["env"]
    assert container["securityContext"]["runAsUser"] == 2000
    assert (pod["retryStrategy"]["limit"], pod["retryStrategy"]["backoff"]) == ("3", {"duration": "30s"})
    assert made["train"]["nodeSelector"] == {"pool": "flows"}
    assert made["train"]["container"]["image"] == made["finish"]["container"]["image"] == "registry/base:1"
    assert "serviceAccountName" not in made["train"]


def test_an_option_replaces_the_image_of_defaults_and_no_override(digits: Project) -> None:
    digits.write("flowc.toml", ALL_KEYS)
    made = templates(digits, "flow.py", "--image", "mine:1")
    images = {name: each["container"]["image"] for name, each in made.items()}
    assert images == {"start": "own:1", "train": "mine:1", "end": "registry/cuda:1", "finish": "mine:1"}
    assert digits.flowc("config", "image").out == "registry/base:1\n"


# -- faults ------------------------------------------------------------------------------------------------------------


def test_an_unknown_override_is_an_error_at_the_step(digits: Project) -> None:
    digits.write("flowc.toml", TABLES)
    for words in (["check"], ["run"], ["compile", "--target", "argo"]):
        done = digits.flowc(*words, "tasks.py:unknown")
        assert done.code == 1
        assert "error[unknown-override]: step 'say' names the override 'quik', which the configuration" in done.err
        assert "--> tasks.py:19:" in done.err
        assert "hint: did you mean 'quick'?" in done.err
    (digits.root / "flowc.toml").unlink()
    assert "hint: write [overrides.quik] in flowc.toml" in digits.flowc("check", "tasks.py:unknown").err
    digits.write("team.toml", "[defaults]\nretry = 1\n")
    done = digits.flowc("--configuration-file", "team.toml", "check", "tasks.py:unknown")
    assert "hint: write [overrides.quik] in team.toml" in done.err
    digits.write("pyproject.toml", '[tool.flowc]\nstore = "runs"\n')
    assert "write [tool.flowc.overrides.quik] in pyproject.toml" in digits.flowc("check", "tasks.py:unknown").err
    (digits.root / "pyproject.toml").unlink()
    done = digits.python("-c", "from tasks import unknown; unknown.execute()")
    assert "flowc.pipeline.errors.PipelineError" in done.err
    assert "error[unknown-override]" in done.err
    assert not (digits.root / ".flowc" / "runs").exists() or not [*(digits.root / ".flowc").rglob("run.json")]


def test_a_table_of_a_step_that_the_flow_does_not_have(digits: Project) -> None:
    digits.write("flowc.toml", "[steps.Digits.start]\nretry = 1\n[steps.Digits.trian]\nretry = 1\n")
    done = digits.flowc("run", "flow.py")
    assert (done.code, done.out) == (2, "")
    assert done.err == ("error: flowc.toml:3: the flow 'Digits' has no step 'trian'\nhint: did you mean 'train'?\n")


def test_commands_report_faults_of_tables(digits: Project) -> None:
    digits.write("flowc.toml", "[defaults]\nretry = 1\ntimout = 3\n")
    error = "error: flowc.toml:3: [defaults] has no key 'timout'\nhint: did you mean 'timeout'?\n"
    assert (digits.flowc("runs").code, digits.flowc("runs").err) == (2, error)
    assert digits.flowc("config").err == error


# -- another file ------------------------------------------------------------------------------------------------------


@pytest.fixture
def another(digits: Project) -> Project:
    digits.write("flowc.toml", '[defaults]\nenvironment = { LEVEL = "found" }\n')
    digits.write("conf/other.toml", 'store = "elsewhere"\n[defaults]\nenvironment = { LEVEL = "other" }\n')
    return digits


def test_an_option_and_a_variable_name_another_file(another: Project) -> None:
    def level(*words: str, **environment: str) -> str:
        done = another.flowc(*words, "ir", "flow.py", **environment)
        assert done.code == 0, done.err
        return str(json.loads(done.out)["nodes"][0]["environment"]["LEVEL"])

    assert level() == "found"
    assert level("--configuration-file", "conf/other.toml") == "other"
    assert level(FLOWC_CONFIGURATION_FILE="conf/other.toml") == "other"
    assert level("--configuration-file", "flowc.toml", FLOWC_CONFIGURATION_FILE="conf/other.toml") == "found"
    done = another.flowc("--configuration-file", "conf/other.toml", "run", "flow.py")
    assert done.code == 0, done.err
    assert [*(another.root / "conf" / "elsewhere").rglob("*.json")]  # paths in the file are relative to the file
    assert "note" not in another.flowc("config", FLOWC_CONFIGURATION_FILE="conf/other.toml").err


def test_a_pipeline_is_executed_with_another_file(another: Project) -> None:
    another.write("conf/other.toml", 'store = "elsewhere"\n' + TABLES)
    program = """
        import os, threading
        from tasks import tried
        if {threads}:
            threading.Thread(target=threading.Event().wait, daemon=True).start()
        done = tried.execute(configuration_file="conf/other.toml")
        print(done["level"], done.run.data.team, "FLOWC_CONFIGURATION_FILE" in os.environ)
        """
    for threads in (False, True):
        another.write("program.py", program.replace("{threads}", str(threads)))
        (another.root / "attempts").unlink(missing_ok=True)
        done = another.python("program.py")
        assert "debug vision False" in done.out, done.err


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no.toml", "the configuration file no.toml does not exist"),
        ("conf.yaml", "conf.yaml is YAML, but flowc's configuration is TOML (write a file flowc.toml: store = "),
        ("pyproject.toml", "pyproject.toml has no section [tool.flowc]"),
        ("bad.toml", "bad.toml:1: there is no setting 'stroe' (did you mean 'store'?)"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused_before_the_run(another: Project, name: str, message: str) -> None:
    another.write("conf.yaml", "pipeline-executor:\n  type: argo\n")
    another.write("pyproject.toml", '[project]\nname = "x"\n')
    another.write("bad.toml", 'stroe = "x"\n')
    done = another.python("-c", f"from tasks import tried; tried.execute(configuration_file={name!r})")
    assert done.code == 1
    assert f"PipelineError: {message}" in done.err
    assert not (another.root / "attempts").exists()
    done = another.flowc("runs", FLOWC_CONFIGURATION_FILE=name)
    assert done.code == 2
    assert message.partition(" (")[0] in done.err


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('labels = { "a b" = "x" }', "SOURCE has an invalid label 'a b': 'x' in labels"),
        ('node-selector = { disk = "ü" }', "SOURCE has an invalid label 'disk': 'ü' in node-selector"),
        ('image = "a b"', "SOURCE has the image 'a b', not a valid reference"),
        ('image-pull-secrets = ["A"]', "SOURCE names 'A', which is not a valid name in Kubernetes"),
        ('persistent-volume-claims = { data = "/" }', "SOURCE mounts a volume at '/'"),
        ("security-context = { run-as-user = 0 }", "SOURCE asks to run as root"),
        ("security-context = { privileged = true }", "SOURCE asks to be privileged"),
        ('annotations = { "workflows.argoproj.io/x" = "y" }', "belongs to Argo"),
        ('extended-resources = { "a b" = 1 }', "SOURCE has the key 'a b', which Kubernetes does not accept"),
        ('service-account = "A"', "SOURCE names 'A', which is not a valid name in Kubernetes"),
        ('labels = { team = "{{x}}" }', "SOURCE has '{{' in labels, which Argo would expand"),
    ],
)
def test_a_value_that_argo_refuses_is_named_with_its_table_and_line(project: Project, table: str, message: str) -> None:
    pytest.importorskip("hera")
    project.write("one.py", """
        from flowc.pipeline import Pipeline, PythonTask
        def one(): pass
        pipe = Pipeline(name="pipe", steps=[PythonTask(function=one, overrides="big")])
        """)  # fmt: skip
    for name in ("steps.pipe.one", "overrides.big"):
        more = "" if name.startswith("overrides") else "[overrides.big]\n"
        project.write("flowc.toml", f"{more}[{name}]\n{table}\n")
        done = project.flowc("compile", "one.py:pipe")
        assert done.code == 1
        assert message.replace("SOURCE", f"[{name}] (flowc.toml:{2 + more.count(chr(10))})") in done.err, done.err
        assert "@kubernetes" not in done.err


def test_the_place_of_a_wrong_value_may_be_the_flow_itself(project: Project) -> None:
    pytest.importorskip("hera")
    project.write("flow.py", """
        from metaflow import FlowSpec, kubernetes, step
        class Both(FlowSpec):
            @kubernetes(labels={"a b": "x"})
            @step
            def start(self): self.next(self.end)
            @step
            def end(self): pass
        """)  # fmt: skip
    project.write("flowc.toml", '[defaults]\nlabels = { "c d" = "y" }\nenvironment = { FLOWC_X = "y" }\n')
    err = project.flowc("compile", "flow.py").err
    assert "step 'start': @kubernetes has an invalid label 'a b'" in err
    assert "step 'start': [defaults] (flowc.toml:2) has an invalid label 'c d'" in err
    assert "hint: change it in [defaults] (flowc.toml:3)" in err
    err = project.flowc("compile", "--target", "stepfunctions", "flow.py").err
    assert "step 'start' has @kubernetes(labels=…), which containers on AWS do not have" in err or (
        "step 'start' has labels from [defaults] (flowc.toml:2), which containers on AWS do not have" in err
    )
    assert "step 'end' has labels from [defaults] (flowc.toml:2), which containers on AWS do not have" in err
