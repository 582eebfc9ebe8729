"""A small simulation of Step Functions, AWS Batch, ECS and S3, which runs a compiled stack here, one task at a time.

The supported states are Task, Pass, Choice, Wait (without waiting), Map, Parallel, Succeed and Fail. An unknown field,
a missing value and an expression that fails are errors. The reference implementation of JSONata evaluates expressions.
Known gaps: roles,
    queues,
resources, `MaxConcurrency`, the sizes of payloads and histories.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from tools import npm

Json = Any
FIELDS = {
    "Task": {"Resource", "Arguments", "Output", "Retry", "Catch", "TimeoutSeconds", "Next", "End"},
    "Pass": {"Output", "Next", "End"},
    "Choice": {"Choices", "Default"},
    "Wait": {"Seconds", "Output", "Next", "End"},
    "Map": {"Items", "ItemSelector", "MaxConcurrency", "ItemProcessor", "Output", "Next", "End"},
    "Parallel": {"Branches", "Output", "Catch", "Next", "End"},
    "Succeed": {"Output"},
    "Fail": {"Error", "Cause"},
}


class MachineError(Exception):
    """Step Functions would refuse the definition, or would not run it as intended."""


class StateFailed(Exception):
    """A state has failed with an error that a `Catch` of the state may handle."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(f"{error}: {cause}")
        self.error, self.cause = error, cause


class JsonataError(MachineError):
    """An expression failed."""


class Evaluator:
    """A process that evaluates expressions and validates state machines."""

    def __init__(self) -> None:
        script = Path(__file__).parents[2] / "tools" / "jsonata.js"
        self._process = subprocess.Popen(
            [npm.node(), str(script), str(npm.state_machines())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

    def _ask(self, request: Json) -> Json:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def faults(self, machine: Json) -> list[Json]:
        """Return the errors that the validator finds in a state machine."""
        told = self._ask({"machine": machine})
        assert told["isValid"] is not bool(told["errors"])
        return list(told["errors"])

    def fill(self, value: Json, states: Json) -> Json:
        """Return a value with its JSONata expressions evaluated."""
        if isinstance(value, str) and value.startswith("{%") and value.endswith("%}"):
            told = self._ask({"expression": value[2:-2], "states": states})
            if "value" not in told:
                raise JsonataError(f"{value}: {told.get('error', 'no value')}")
            return told["value"]
        if isinstance(value, dict):
            return {key: self.fill(each, states) for key, each in value.items()}
        if isinstance(value, list):
            return [self.fill(each, states) for each in value]
        return value


class Attempt(NamedTuple):
    """A container that has ended, for one attempt of a task."""

    command: list[str]
    env: dict[str, str]
    code: int
    log: str


@dataclass
class PlayedExecution:
    """The result of an execution; `attempts` are the containers, in the order in which they started."""

    status: str = "RUNNING"
    error: str = ""
    attempts: list[Attempt] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    children: int = 0

    def logs(self) -> str:
        """Return all output of the containers, for the message of a failed test."""
        return self.error + "\n".join(f"--- {each.command} {each.code}\n{each.log}" for each in self.attempts)


def definition(template: Json, substitutions: Mapping[str, str]) -> Json:
    """Return the definition of the state machine after CloudFormation's substitutions."""
    properties = template["Resources"]["StateMachine"]["Properties"]
    known = {name: substitutions.get(name, name) for name in properties["DefinitionSubstitutions"]}

    def value(match: re.Match[str]) -> str:
        if match[1] not in known:
            raise MachineError(f"{match[0]} is not among the substitutions")
        return known[match[1]]

    return json.loads(re.sub(r"\$\{(\w+)\}", value, json.dumps(properties["Definition"])))


class Player:
    """Runs executions of a template.

    `image` is a directory with `code` and `ir`, `buckets` the directory with S3's buckets.
    """

    def __init__(
        self, template: Json, evaluator: Evaluator, image: Path, buckets: Path, environment: Mapping[str, str]
    ) -> None:
        self.template, self.evaluator, self.image, self.buckets = template, evaluator, image, buckets
        self.environment = environment
        self.machine = definition(template, {"Subnets": "subnet-1,subnet-2"})
        self.played = PlayedExecution()

    def play(self, given: Json, name: str = "played") -> PlayedExecution:
        """Run an execution of this name with this input."""
        context = {"Execution": {"Name": name, "Input": given}}
        try:
            self._graph(self.machine, given, context)
            self.played.status = "SUCCEEDED"
        except StateFailed as failed:
            self.played.status, self.played.error = "FAILED", str(failed)
        return self.played

    def _graph(self, graph: Json, given: Json, context: Json) -> Json:
        at = graph["StartAt"]
        while True:
            state = graph["States"][at]
            self.played.states.append(at)
            if unknown := state.keys() - FIELDS[state["Type"]] - {"Type", "Comment"}:
                raise MachineError(f"{at}: a {state['Type']} has no {sorted(unknown)}")
            given, following = self._state(at, state, json.loads(json.dumps(given)), context)
            if following is None:
                return given
            at = following

    def _state(self, name: str, state: Json, given: Json, context: Json) -> tuple[Json, str | None]:
        """Return the output of a state, and the next state."""
        states = {"input": given, "context": context | {"State": {"Name": name}}}
        kind = state["Type"]
        if kind == "Choice":
            for rule in state["Choices"]:
                held = self.evaluator.fill(rule["Condition"], states)
                if not isinstance(held, bool):
                    raise MachineError(f"{name}: {rule['Condition']} is {held!r}")
                if held:
                    return given, rule["Next"]
            return given, state["Default"]
        if kind == "Fail":
            raise StateFailed(*(self.evaluator.fill(state[key], states) for key in ("Error", "Cause")))
        try:
            result = self._result(name, state, states, context)
        except StateFailed as failed:
            for catcher in state.get("Catch", ()):
                if "States.ALL" in catcher["ErrorEquals"] or failed.error in catcher["ErrorEquals"]:
                    told = states | {"errorOutput": {"Error": failed.error, "Cause": failed.cause}}
                    return self.evaluator.fill(catcher["Output"], told), catcher["Next"]
            raise
        output = self.evaluator.fill(state["Output"], states | {"result": result}) if "Output" in state else result
        if kind != "Succeed" and ("Next" in state) == bool(state.get("End")):
            raise MachineError(f"{name} needs one of Next and End")
        return output, state.get("Next")

    def _result(self, name: str, state: Json, states: Json, context: Json) -> Json:
        match state["Type"]:
            case "Pass" | "Wait" | "Succeed":
                return states["input"]
            case "Parallel":
                return [self._graph(branch, states["input"], context) for branch in state["Branches"]]
            case "Map":
                return self._map(state, states, context)
        return self._task(name, state, states)

    def _map(self, state: Json, states: Json, context: Json) -> Json:
        items = self.evaluator.fill(state["Items"], states)
        if not isinstance(items, list):
            raise MachineError(f"{state['Items']} is {items!r}, not an array")
        distributed = state["ItemProcessor"]["ProcessorConfig"]["Mode"] == "DISTRIBUTED"
        if not distributed and not 0 < state["MaxConcurrency"] <= 40:
            raise MachineError("an inline Map runs at most 40 iterations at once")
        found = []
        for index, item in enumerate(items):
            here = context | {"Map": {"Item": {"Index": index, "Value": item}}}
            given = self.evaluator.fill(state["ItemSelector"], states | {"context": here})
            # each item runs in an execution of its own, which cannot read the data of the parent execution
            if distributed:
                self.played.children += 1
                here = {"Execution": {"Name": f"child-{self.played.children}", "Input": given}}
            found.append(self._graph(state["ItemProcessor"], given, here))
        return found

    # -- tasks

    def _task(self, name: str, state: Json, states: Json) -> Json:
        service = state["Resource"].removeprefix("arn:aws:states:::")
        tries = 1 + sum(retrier["MaxAttempts"] for retrier in state.get("Retry", ()))
        for left in reversed(range(tries)):
            try:
                arguments = self.evaluator.fill(state["Arguments"], states)
                if service == "aws-sdk:s3:getObject":
                    return self._get_object(arguments)
                return self._container(name, service, arguments, state.get("TimeoutSeconds"))
            except StateFailed:
                if not left:
                    raise
        raise AssertionError

    def _get_object(self, arguments: Json) -> Json:
        file = self.buckets / arguments["Bucket"] / arguments["Key"]
        if not file.is_file():
            raise StateFailed("S3.NoSuchKeyException", f"no {arguments['Key']}")
        return {"Body": file.read_text(encoding="utf-8"), "ContentType": "application/octet-stream"}

    def _container(self, name: str, service: str, arguments: Json, timeout: float | None) -> Json:
        if service == "batch:submitJob.sync":
            assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}", arguments["JobName"])
            assert arguments["JobQueue"]
            overrides = arguments["ContainerOverrides"]
            made = self.template["Resources"][arguments["JobDefinition"]]["Properties"]["ContainerProperties"]
        else:
            assert service == "ecs:runTask.sync"
            assert arguments["NetworkConfiguration"]["AwsvpcConfiguration"]["Subnets"] == ["subnet-1", "subnet-2"]
            (overrides,) = arguments["Overrides"]["ContainerOverrides"]
            (made,) = self.template["Resources"][arguments["TaskDefinition"]]["Properties"]["ContainerDefinitions"]
            assert overrides["Name"] == made["Name"]
        if len(json.dumps(overrides)) > 8192:
            raise MachineError(f"{name}: the overrides have {len(json.dumps(overrides))} bytes")
        pairs = {pair["Name"]: pair["Value"] for pair in (*made["Environment"], *overrides["Environment"])}
        attempt = self._start(overrides["Command"], pairs, timeout)
        self.played.attempts.append(attempt)
        if attempt.code:
            inside = {"Container": {"ExitCode": attempt.code}, "JobName": name}
            cause = json.dumps(inside, separators=(",", ":"))
            raise StateFailed("States.Timeout" if attempt.code == 137 and timeout else "States.TaskFailed", cause)
        return {"Status": "SUCCEEDED"}

    def _start(self, command: list[str], pairs: Mapping[str, str], timeout: float | None) -> Attempt:
        number = len(self.played.attempts)
        home = self.image.parent / f"container-{number}"
        home.mkdir()
        machine = {"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
        env = {**machine, **self.environment, **pairs, "HOME": str(home), "FLOWC_OUT": str(home / "out")}
        env["FLOWC_STORE"] = env["FLOWC_STORE"].replace("s3://", f"file://{self.buckets}/")
        for variable in ("FLOWC_CODE", "FLOWC_IR"):
            env[variable] = env[variable].replace("/flowc", str(self.image), 1)
        assert command[0] == "python" and all(isinstance(word, str) for word in command)
        try:
            done = subprocess.run(
                [sys.executable, *command[1:]],
                env=env,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=timeout,
            )
        except subprocess.TimeoutExpired as late:
            return Attempt(command, env, 137, (late.stdout or b"").decode(errors="replace"))
        code = done.returncode if done.returncode >= 0 else 128 - done.returncode
        return Attempt(command, env, code, done.stdout.decode(errors="replace"))
