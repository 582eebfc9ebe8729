"""Manifests for tests of the validators: one of each form that flowc creates, and a function that adds a fault."""

from __future__ import annotations

from typing import Any

Doc = dict[str, Any]


def step(name: str, **more: Any) -> Doc:
    return {
        "name": name,
        "inputs": {"parameters": [{"name": "path", "value": "0"}]},
        "retryStrategy": {"limit": "2", "retryPolicy": "Always", "expression": "lastRetry.exitCode != '79'"},
        "container": {
            "image": "example.test/flow:1",
            "command": ["python", "-m", "flowc_runtime"],
            "args": ["--path", "{{inputs.parameters.path}}", "--attempt", "{{retries}}"],
        },
        **more,
    }


def task(name: str, template: str, path: str = "0", **more: Any) -> Doc:
    return {"name": name, "template": template, "arguments": {"parameters": [{"name": "path", "value": path}]}, **more}


def output(name: str, default: str) -> Doc:
    return {"parameters": [{"name": name, "valueFrom": {"path": f"/tmp/{name}", "default": default}}]}


def template(*templates: Doc, name: str = "flow", **spec: Any) -> Doc:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "WorkflowTemplate",
        "metadata": {"name": name},
        "spec": {"entrypoint": templates[0]["name"], "templates": list(templates), **spec},
    }


def dag(*tasks: Doc, name: str = "main", **more: Any) -> Doc:
    return {"name": name, "dag": {"tasks": list(tasks)}, **more}


def branch() -> Doc:
    return template(
        dag(
            task("start", "step"),
            task("a", "step", depends="start"),
            task("b", "step", depends="start"),
            task("join", "step", depends="a && b"),
        ),
        step("step"),
    )


def foreach() -> Doc:
    count = "{{tasks.split.outputs.parameters.n}}"
    each = {
        "name": "each",
        "inputs": {"parameters": [{"name": "path"}, {"name": "n"}]},
        "parallelism": 10,
        "steps": [
            [
                task(
                    "i",
                    "step",
                    "{{inputs.parameters.path}}.{{item}}",
                    withSequence={"count": "{{inputs.parameters.n}}"},
                )
            ]
        ],
    }
    fan = task("fan", "each", depends="split")
    fan["arguments"]["parameters"].append({"name": "n", "value": count})
    return template(
        dag(task("split", "split"), fan, task("join", "step", depends="fan")),
        each,
        step("split", outputs=output("n", "0")),
        step("step"),
    )


def switch() -> Doc:
    choice = '"{{tasks.decide.outputs.parameters.choice}}"'
    ran = " && ".join(f"({arm}.Succeeded || {arm}.Skipped)" for arm in ("heavy", "light"))
    return template(
        dag(
            task("decide", "decide"),
            task("heavy", "step", depends="decide.Succeeded", when=f'{choice} == "heavy"'),
            task("light", "step", depends="decide.Succeeded", when=f'{choice} == "light"'),
            task("merge", "step", depends=f"{ran} && (heavy.Succeeded || light.Succeeded)"),
        ),
        step("decide", outputs=output("choice", "none")),
        step("step"),
    )


def loop() -> Doc:
    again = task("r", "loop", when='"{{steps.s.outputs.parameters.choice}}" == "again"')
    steps = {
        "name": "loop",
        "inputs": {"parameters": [{"name": "path"}]},
        "steps": [[task("s", "body", "{{inputs.parameters.path}}")], [again]],
    }
    return template(dag(task("loop", "loop")), steps, step("body", outputs=output("choice", "stop")))


def exit_hook() -> Doc:
    hook = {
        "name": "bye",
        "steps": [[task("ok", "step", when="{{workflow.status}} == Succeeded")]],
    }
    return template(dag(task("start", "step")), hook, step("step"), onExit="bye")


def cron(*schedules: str, **spec: Any) -> Doc:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "CronWorkflow",
        "metadata": {"name": "flow"},
        "spec": {
            "schedules": list(schedules),
            "timezone": "Europe/Paris",
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 300,
            "workflowSpec": {"workflowTemplateRef": {"name": "flow"}},
            **spec,
        },
    }


def run() -> Doc:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": "flow-"},
        "spec": {"workflowTemplateRef": {"name": "flow"}},
    }


def code() -> Doc:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "flow-code-0123456789abcdef"},
        "immutable": True,
        "binaryData": {"code.tar": "AAEC"},
    }


def change(doc: Doc, path: str, value: Any) -> Doc:
    """Return a copy of `doc` with another value at a path such as 'spec.templates.0.name'.

    The value `...` removes the field.
    """
    *parents, last = path.split(".")
    node: Any = doc
    for key in parents:
        node = node[int(key)] if isinstance(node, list) else node.setdefault(key, {})
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return doc
