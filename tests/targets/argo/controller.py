"""A small simulation of Argo's controller and the kubelet: runs compiled manifests here, one pod at a time.

The simulation is stricter than Argo and the kubelet: an unresolved template tag, a missing input, and a value that Argo
would change are errors.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Manifest = Mapping[str, Any]
OUT = "/tmp/flowc/out/"
MAX_DEPTH = 99  # the maximum depth of nested template calls, including the call of the pod's template


class ManifestError(Exception):
    """Argo or Kubernetes would refuse a manifest, or would not run it as intended."""


@dataclass(frozen=True)
class Pod:
    """One attempt of a task, as the kubelet would start it, with paths of this machine."""

    name: str
    uid: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    out: Path
    deadline: float | None
    directory: Path  # the working directory, which no other pod uses


@dataclass
class Node:
    """A pod node of the Workflow: `name` is the chain of task names, `exits` has the exit code of each attempt."""

    name: str
    template: str
    inputs: Mapping[str, str]
    display_name: str
    phase: str = "Running"
    exits: list[int] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)


@dataclass
class PlayedWorkflow:
    """The result of a Workflow; `nodes` are its pod nodes, in the order in which they started."""

    name: str
    phase: str
    nodes: list[Node]

    def logs(self) -> str:
        """Return all output of the pods, for the message of a failed test."""
        return "\n".join(f"--- {node.name} {node.exits}\n{log}" for node in self.nodes for log in node.logs)


Run = Callable[[Pod], "tuple[int, str]"]


def play(
    manifests: Iterable[Manifest],
    store_url: str,
    workdir: Path,
    parameters: Mapping[str, str] | None = None,
    *,
    name: str = "played",
    environment: Mapping[str, str] | None = None,
    secrets: Mapping[str, Mapping[str, str]] | None = None,
    run: Run | None = None,
) -> PlayedWorkflow:
    """Run the Workflow or WorkflowTemplate in the manifests, like `argo submit -p name=text …`.

    `environment` has the variables that the image would set; `secrets` are the cluster's Secrets by name; `run` is
    called for each pod, instead of starting a process.
    """
    by_kind = {manifest["kind"]: manifest for manifest in manifests}
    workflow = by_kind.get("WorkflowTemplate") or by_kind["Workflow"]
    code = _lay_out(by_kind["ConfigMap"], workflow["spec"]["volumes"], workdir)
    return _Controller(
        workflow["spec"], name, store_url, workdir, code, environment or {}, secrets or {}, run or start
    ).play(parameters or {})


def start(pod: Pod) -> tuple[int, str]:
    """Run a pod's command as a process; return the exit code that a container would have, and the output."""
    try:
        done = subprocess.run(
            pod.command,
            env=dict(pod.env),
            cwd=pod.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=pod.deadline,
        )
    except subprocess.TimeoutExpired as late:
        return 137, (late.stdout or b"").decode(errors="replace")
    code = done.returncode
    return (code if code >= 0 else 128 - code), done.stdout.decode(errors="replace")


class _Controller:
    def __init__(
        self,
        spec: Manifest,
        name: str,
        store_url: str,
        workdir: Path,
        code: Path,
        environment: Mapping[str, str],
        secrets: Mapping[str, Mapping[str, str]],
        run: Run,
    ) -> None:
        self.spec, self.name, self.store_url, self.workdir, self.code = spec, name, store_url, workdir, code
        self.environment, self.secrets, self.run = environment, secrets, run
        self.templates = {template["name"]: template for template in spec["templates"]}
        self.globals = {"workflow.name": name}
        self.nodes: list[Node] = []
        self.pods = 0
        self.depth = 0

    def play(self, parameters: Mapping[str, str]) -> PlayedWorkflow:
        self.globals |= _global_parameters(self.spec.get("arguments", {}).get("parameters", []), parameters)
        ok, _ = self._call(self.spec["entrypoint"], {}, self.name)
        phase = "Succeeded" if ok else "Failed"
        self.globals["workflow.status"] = phase
        if "onExit" in self.spec:
            ended, _ = self._call(self.spec["onExit"], {}, f"{self.name}.onExit")
            phase = phase if ended else "Failed"
        return PlayedWorkflow(self.name, phase, self.nodes)

    def _call(self, template_name: str, arguments: Mapping[str, str], name: str) -> tuple[bool, dict[str, str]]:
        """Run a template; return whether it succeeded, and the values of its output parameters."""
        template = self.templates[template_name]
        declared = [parameter["name"] for parameter in template.get("inputs", {}).get("parameters", [])]
        if sorted(declared) != sorted(arguments):
            raise ManifestError(f"{name}: template '{template_name}' takes {declared}, and is given {list(arguments)}")
        inputs = {f"inputs.parameters.{key}": value for key, value in arguments.items()}
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ManifestError(f"{name}: Maximum recursion depth exceeded")
        try:
            if "dag" in template:
                return self._dag(template["dag"], inputs, name), {}
            if "steps" in template:
                # The next group of steps starts only if all steps of the group before it succeeded.
                return all(self._steps(group, inputs, name) for group in template["steps"]), {}
            return self._container(template, arguments, inputs, name)
        finally:
            self.depth -= 1

    def _dag(self, dag: Manifest, inputs: Mapping[str, str], name: str) -> bool:
        phases: dict[str, str] = {}
        outputs: dict[str, str] = {}
        waiting = list(dag["tasks"])
        while waiting:
            ready = [t for t in waiting if all(d in phases for d in _depends(t))]
            if not ready:
                raise ManifestError(f"{name}: {[t['name'] for t in waiting]} depend on each other or on nothing")
            for task in ready:
                waiting.remove(task)
                if not depends_hold(task.get("depends", ""), phases):
                    phases[task["name"]] = "Omitted"
                    continue
                known = self._ancestors(task, dag)
                values = {**inputs, **{k: v for k, v in outputs.items() if k.split(".")[1] in known}}
                if "when" in task and not holds(self._fill(task["when"], values)):
                    # evaluate the arguments although the task is skipped, to find errors in them
                    self._arguments(task, values)
                    phases[task["name"]] = "Skipped"
                    continue
                ok, given = self._task(task, values, f"{name}.{task['name']}")
                phases[task["name"]] = "Succeeded" if ok else "Failed"
                outputs |= {f"tasks.{task['name']}.outputs.parameters.{k}": v for k, v in given.items()}
        return "Failed" not in phases.values()

    def _ancestors(self, task: Manifest, dag: Manifest) -> set[str]:
        by_name = {t["name"]: t for t in dag["tasks"]}
        found: set[str] = set()
        todo = _depends(task)
        while todo:
            if (at := todo.pop()) not in found:
                found.add(at)
                todo += _depends(by_name[at])
        return found

    def _steps(self, group: Sequence[Manifest], inputs: Mapping[str, str], name: str) -> bool:
        results = []
        for step in group:
            count = int(self._fill(step["withSequence"]["count"], inputs))
            for item in range(count):
                ok, _ = self._task(step, {**inputs, "item": str(item)}, f"{name}.{step['name']}({item})")
                results.append(ok)
        return all(results)

    def _task(self, task: Manifest, values: Mapping[str, str], name: str) -> tuple[bool, dict[str, str]]:
        return self._call(task["template"], self._arguments(task, values), name)

    def _arguments(self, task: Manifest, values: Mapping[str, str]) -> dict[str, str]:
        parameters = task.get("arguments", {}).get("parameters", [])
        return {p["name"]: self._fill(p["value"], values) for p in parameters}

    def _container(
        self, template: Manifest, arguments: Mapping[str, str], inputs: Mapping[str, str], name: str
    ) -> tuple[bool, dict[str, str]]:
        shown = template.get("annotations", {}).get("workflows.argoproj.io/display-name", "")
        node = Node(name, template["name"], arguments, self._fill(shown, inputs) or name.rpartition(".")[2])
        if not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9.-]{0,61}[a-zA-Z0-9]", node.display_name):
            raise ManifestError(f"{name}: Argo refuses the display name {node.display_name!r}")
        for label in template.get("metadata", {}).get("labels", {}).values():
            value = self._fill(label, inputs)
            if not re.fullmatch(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?", value):
                raise ManifestError(f"{name}: Kubernetes refuses the label {value!r}")
        self.nodes.append(node)
        retry = template["retryStrategy"]
        for attempt in range(int(retry["limit"]) + 1):
            pod = self._pod(template, {**inputs, "retries": str(attempt)})
            code, log = self.run(pod)
            node.exits.append(code)
            node.logs.append(log)
            if code == 0:
                node.phase = "Succeeded"
                return True, _outputs(template, pod.out)
            final = re.fullmatch(r"lastRetry\.exitCode != '(\d+)'", retry.get("expression", ""))
            if final and code == int(final[1]):
                break
        node.phase = "Failed"
        return False, {}

    def _pod(self, template: Manifest, values: Mapping[str, str]) -> Pod:
        self.pods += 1
        name, uid = f"{self.name}-{template['name']}-{self.pods}", f"uid-{self.pods}"
        container = template["container"]
        home = self.workdir / "pods" / uid
        (out := home / "out").mkdir(parents=True)
        (directory := home / "tmp").mkdir()
        fields = {"metadata.name": name, "metadata.uid": uid, "spec.nodeName": "this-machine"}
        fields["status.podIP"] = "127.0.0.1"
        env: dict[str, str] = {}
        for variable in container.get("env", []):
            if variable["name"] in env:
                raise ManifestError(f"{name}: {variable['name']} is set twice")
            if "value" in variable:
                # Argo substitutes its tags first; then the kubelet expands references to earlier variables.
                env[variable["name"]] = expand(self._fill(variable["value"], values), env)
            elif (key := variable["valueFrom"].get("secretKeyRef")) is not None:
                if (found := self.secrets.get(key["name"], {}).get(key["key"])) is not None:
                    env[variable["name"]] = found
                elif not key.get("optional"):
                    raise ManifestError(f"{name} never starts: there is no key {key['key']} in Secret {key['name']}")
            else:
                env[variable["name"]] = fields[variable["valueFrom"]["fieldRef"]["fieldPath"]]
        env = {key: value.replace("/flowc/", f"{self.code}/", 1) if key in ("FLOWC_CODE", "FLOWC_IR") else value
               for key, value in env.items()}  # fmt: skip
        machine = {"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", ""), "HOME": str(home)}
        env = {**machine, **self.environment, **env, "FLOWC_STORE": self.store_url, "FLOWC_OUT": str(out)}
        argv = [expand(self._fill(word, values), env) for word in (*container["command"], *container["args"])]
        deadline = template.get("activeDeadlineSeconds")
        command = (sys.executable if argv[0] == "python" else argv[0], *argv[1:])
        return Pod(name, uid, command, env, out, float(deadline) if deadline else None, directory)

    def _fill(self, text: str, values: Mapping[str, str]) -> str:
        """Substitute tags in the JSON text of a template as Argo does, with values quoted as in Go."""
        known = {**self.globals, **values}

        def value(match: re.Match[str]) -> str:
            if match[1] == "=sprig.b64enc(workflow.parameters.json)":
                return base64.b64encode(known["workflow.parameters.json"].encode()).decode()
            if sum_ := re.fullmatch(r"=string\(asInt\((\S+)\) \+ (\d+)\)", match[1]):
                return str(int(known[sum_[1]]) + int(sum_[2]))
            if shown := re.fullmatch(r"=sprig\.replace\('(.)', '(.)', (\S+)\)", match[1]):
                return known[shown[3]].replace(shown[1], shown[2])
            if match[1] not in known:
                raise ManifestError(f"nothing is known of {match[0]}")
            filling = known[match[1]]
            if not filling.isprintable():
                raise ManifestError(f"{match[0]} has the value {filling!r}, of which Argo makes invalid JSON")
            return filling

        return re.sub(r"\{\{(.*?)\}\}", value, text)


_TERM = re.compile(r"([a-zA-Z0-9][-a-zA-Z0-9]*)(?:\.([A-Z][a-z]+))?")


def _depends(task: Manifest) -> list[str]:
    return [name for name, _ in _TERM.findall(task.get("depends", ""))]


def depends_hold(text: str, phases: Mapping[str, str]) -> bool:
    """Evaluate Argo's `depends`; a name alone means that the task was successful, skipped, or is a daemon."""

    def term(match: re.Match[str]) -> str:
        return str(phases[match[1]] in ((match[2],) if match[2] else ("Succeeded", "Skipped", "Daemoned")))

    logic = _TERM.sub(term, text).replace("&&", " and ").replace("||", " or ")
    if not re.fullmatch(r"(?:True|False|and|or|[() ])*", logic):
        raise ManifestError(f"not what `depends` may say: {text!r}")
    return bool(eval(logic)) if logic else True


def holds(when: str) -> bool:
    """Evaluate Argo's `when`; only the form that flowc writes is supported."""
    match = re.fullmatch(r'"([^"{}]*)" == "([^"{}]+)"', when)
    if match is None:
        raise ManifestError(f"not what `when` may say here: {when!r}")
    return match[1] == match[2]


def _outputs(template: Manifest, out: Path) -> dict[str, str]:
    found = {}
    for parameter in template.get("outputs", {}).get("parameters", []):
        source = parameter["valueFrom"]
        if not source["path"].startswith(OUT):
            raise ManifestError(f"an output outside of {OUT}: {source['path']}")
        file = out / source["path"].removeprefix(OUT)
        # Argo removes one newline at the end.
        found[parameter["name"]] = file.read_text().removesuffix("\n") if file.exists() else source["default"]
    return found


def _global_parameters(declared: Sequence[Manifest], given: Mapping[str, str]) -> dict[str, str]:
    """Return the values of `workflow.parameters.json` and of each parameter.

    A parameter named `json` replaces the value of `workflow.parameters.json`, as in Argo.
    """
    names = [parameter["name"] for parameter in declared]
    if unknown := given.keys() - set(names):
        raise ManifestError(f"the workflow has no parameter {sorted(unknown)}")
    filled = [{**p, "value": given[p["name"]]} if p["name"] in given else p for p in declared]
    if missing := [parameter["name"] for parameter in filled if "value" not in parameter]:
        raise ManifestError(f"spec.arguments.{missing[0]}.value is required")
    # as Argo writes them: Go's encoder does not escape DEL and most higher characters
    text = json.dumps(filled, ensure_ascii=False)
    return {"workflow.parameters.json": text, **{f"workflow.parameters.{p['name']}": p["value"] for p in filled}}


def expand(text: str, env: Mapping[str, str]) -> str:
    """Expand variables like the kubelet: `$(NAME)` becomes the value of a known variable, `$$` becomes `$`."""
    return re.sub(
        r"\$(?:\$|\(([^)]*)\))",
        lambda match: "$" if match[0] == "$$" else env.get(match[1], match[0]),
        text,
    )


def _lay_out(config_map: Manifest, volumes: Sequence[Manifest], workdir: Path) -> Path:
    """Write the files of the ConfigMap to the directory that stands for the volume at /flowc."""
    root = workdir / "flowc"
    (source,) = [volume["configMap"] for volume in volumes if "configMap" in volume]
    if source["name"] != config_map["metadata"]["name"]:
        raise ManifestError(f"the volume is of ConfigMap {source['name']}, which is not deployed")
    for item in source["items"]:
        file = root / item["path"]
        file.parent.mkdir(parents=True, exist_ok=True)
        if item["key"] in config_map["data"]:
            file.write_bytes(config_map["data"][item["key"]].encode())
        else:
            file.write_bytes(base64.b64decode(config_map["binaryData"][item["key"]]))
    return root
