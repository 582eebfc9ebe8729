"""Lowers a flow's graph to the states of a state machine.

The input of a state is an object with the run's id (`run`), the index path up to the innermost foreach around the state
(`path`), the iteration number of each loop inside this foreach (`n1`, `n2`, …), and the number of failed attempts
(`retry`). Each state passes its input on. A step's state takes the arguments of its command from the input. Parallel
branches and the body of a foreach are separate graphs of states, inside a Parallel state or a Map state. Switches and
loops lead to other states of the same graph.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flowc.targets.stepfunctions import containers_of_steps as containers
from flowc.targets.stepfunctions.containers_of_steps import JsonObject
from flowc.targets.stepfunctions.expressions import INPUT, expression, merged, path_of, quoted
from flowc.targets.stepfunctions.sfn_settings import INLINE
from flowc.targets.stepfunctions.state_names import state_name
from flowc_ir.graphs.scopes import ItemScope, LoopScope
from flowc_ir.model import Branch, End, Foreach, Gang, Goto, Switch, assert_never, targets
from flowc_runtime.base import contract
from flowc_runtime.store.records.key_places import quote_name

if TYPE_CHECKING:
    from flowc.targets.stepfunctions.sfn_settings import MachineSettings
    from flowc_ir.graphs.analysis import Analysis
    from flowc_ir.model import Node, NodeId

ANY_ERROR: Final = "States.ALL"
READ_RETRY: Final[list[JsonObject]] = [
    {"ErrorEquals": [ANY_ERROR], "IntervalSeconds": 2, "MaxAttempts": 5, "BackoffRate": 2}
]
_RESOURCES: Final = {"batch": "arn:aws:states:::batch:submitJob.sync",
                     "ecs": "arn:aws:states:::ecs:runTask.sync"}  # fmt: skip
_READ: Final = "arn:aws:states:::aws-sdk:s3:getObject"


def state_machine(analysis: Analysis, settings: MachineSettings, name: str, definitions: dict[str, str]) -> JsonObject:
    """Return the definition of the state machine.

    Args:
        analysis: the analysis of a flow without gangs.
        settings: the settings.
        name: the state machine's name.
        definitions: for each image, the name of the job definition or task definition.
    """
    machine = _Machine(analysis, settings, name, definitions)
    flow = analysis.flow
    run: JsonObject = {
        "Type": "Parallel",
        "Branches": [machine.graph(flow.start, None)],
        "Output": INPUT,
        "Catch": [{"ErrorEquals": [ANY_ERROR], "Output": INPUT, "Next": "flow--record-failure"}],
        "Next": "flow--record",
    }
    states: JsonObject = {
        "flow--begin": {
            "Type": "Pass",
            "Output": {"run": expression("$states.context.Execution.Name"), "path": "0", "retry": 0},
            "Next": "flow--run",
        },
        "flow--run": run,
        "flow--record": machine.finish("Succeeded", "flow--succeed"),
        "flow--succeed": {"Type": "Succeed"},
        "flow--record-failure": machine.finish("Failed", "flow--fail"),
        "flow--fail": {"Type": "Fail", "Error": "RunFailed", "Cause": "a step failed: `flowc show` names it"},
    }
    found: JsonObject = {"QueryLanguage": "JSONata", "StartAt": "flow--begin", "States": states}
    if flow.doc.strip():
        found["Comment"] = flow.doc.strip().replace("${", "$ {")
    if settings.deadline_seconds is not None:
        found["TimeoutSeconds"] = settings.deadline_seconds
    return found


class _Machine:
    def __init__(self, analysis: Analysis, settings: MachineSettings, name: str, definitions: dict[str, str]) -> None:
        self._analysis = analysis
        self._settings = settings
        self._name = name
        self._definitions = definitions

    def graph(self, first: NodeId, stop: NodeId | None) -> JsonObject:
        """Return a graph with `StartAt` and the states of all steps from `first` up to the join `stop`, without the
        join."""
        states: dict[str, JsonObject] = {}
        begin = self._lead(None, first, stop, states)
        waiting, seen = [first], {first}
        while waiting:
            node = self._analysis.nodes[waiting.pop()]
            self._step(node, stop, states)
            for target in self._following(node):
                if target != stop and target not in seen:
                    seen.add(target)
                    waiting.append(target)
        return {"StartAt": begin, "States": states}

    def _following(self, node: Node) -> tuple[NodeId, ...]:
        """Return the steps that follow a step in the same graph of states. After a step that splits the flow, the
        split's join follows, because the steps between the split and the join are in other graphs of states."""
        if isinstance(node.next, Branch | Foreach | Gang):
            return (self._analysis.join_of[node.id],)
        return targets(node.next)

    def _step(self, node: Node, stop: NodeId | None, states: dict[str, JsonObject]) -> None:
        name = state_name(node.id)
        match node.next:
            case End():
                self._task(node, None, states)
            case Goto(target=target):
                self._task(node, self._lead(node.id, target, stop, states), states)
            case Branch(targets=arms):
                join = self._analysis.join_of[node.id]
                self._task(node, f"{name}--arms", states)
                states[f"{name}--arms"] = {
                    "Type": "Parallel",
                    "Branches": [self.graph(arm, join) for arm in arms],
                    "Output": INPUT,
                    **_next(self._lead(node.id, join, stop, states)),
                }
            case Foreach(body=body) | Gang(body=body):
                join = self._analysis.join_of[node.id]
                self._read(node, "count", "fanout.count", f"{name}--each", states)
                states[f"{name}--each"] = self._map(node, body) | _next(self._lead(node.id, join, stop, states))
            case Switch():
                self._read(node, "choice", "choice", f"{name}--choose", states)
                rules = [
                    {
                        "Condition": expression(f"$states.input.choice = {quoted(target)}"),
                        "Next": self._lead(node.id, target, stop, states) or self._done(node, states),
                    }
                    for target in targets(node.next)
                ]
                states[f"{name}--choose"] = {"Type": "Choice", "Choices": rules, "Default": f"{name}--astray"}
                states[f"{name}--astray"] = _fail(f"step '{node.id}' has chosen no step")
            case _:
                assert_never(node.next)

    def _lead(
        self, source: NodeId | None, target: NodeId, stop: NodeId | None, states: dict[str, JsonObject]
    ) -> str | None:
        """Return the name of the state to enter for running the step `target`: usually the step's own state; None if
        `target` is the end of the graph. If `target` is the first step of a loop, add a state that counts the
        iterations, and return its name."""
        if target == stop:
            return None
        name = state_name(target)
        if target not in self._analysis.loops:
            return name
        counter = f"n{self._counters(target).index(target) + 1}"
        again = source is not None and source in self._analysis.loops[target]
        state = f"{name}--{'again' if again else 'begin'}"
        number = f"$states.input.{counter} + 1" if again else "0"
        states[state] = {"Type": "Pass", "Output": merged(**{counter: number}), "Next": name}
        return state

    def _done(self, node: Node, states: dict[str, JsonObject]) -> str:
        """Add to `states` a state that ends the graph of states, and return its name. Each rule of a Choice state must
        name a next state; a rule with which the graph ends names this state."""
        state = f"{state_name(node.id)}--done"
        states[state] = {"Type": "Succeed"}
        return state

    # -- tasks ---------------------------------------------------------------------------------------------------------

    def _counters(self, node: NodeId) -> list[NodeId]:
        """Return the first step of each loop that contains the step. Loops that also contain the whole foreach around
        the step are left out."""
        found: list[NodeId] = []
        for scope in self._analysis.scopes[node]:
            if isinstance(scope, LoopScope):
                found.append(scope.header)
            else:
                found = []
        return found

    def _path(self, node: NodeId) -> str:
        return path_of([f"n{at + 1}" for at in range(len(self._counters(node)))])

    def _task(self, node: Node, following: str | None, states: dict[str, JsonObject]) -> None:
        """Add to `states` the state that runs a step, and the states that retry it.

        The field `Catch` leads a failed attempt to states that start the next attempt. The field `Retry` is not used,
        because it would also retry attempts whose exit code forbids a retry.
        """
        name, limit = state_name(node.id), contract.attempts_limit(node)
        environment = containers.step_environment(self._analysis.flow, node, self._settings)
        state = self._container(node.id, containers.task_command(node.id, self._path(node.id)), environment, node)
        if node.timeout is not None:
            state["TimeoutSeconds"] = node.timeout.seconds + node.cards_seconds + contract.TIMEOUT_GRACE
        state["Output"] = merged(retry="0") if limit else INPUT
        states[name] = state | _next(following)
        if not limit:
            return
        final = f"$contains($string($states.errorOutput.Cause), '\"ExitCode\":{contract.NO_RETRY}')"
        caught = merged(retry="$states.input.retry + 1", final=final)
        states[name]["Catch"] = [{"ErrorEquals": [ANY_ERROR], "Output": caught, "Next": f"{name}--failed"}]
        wait = node.retry.wait_seconds if node.retry is not None else 0
        over = expression(f"$states.input.retry > {limit} or $states.input.final")
        states[f"{name}--failed"] = {
            "Type": "Choice",
            "Choices": [{"Condition": over, "Next": f"{name}--stop"}],
            "Default": f"{name}--wait" if wait else name,
        }
        if wait:
            states[f"{name}--wait"] = {"Type": "Wait", "Seconds": wait, "Output": INPUT, "Next": name}
        states[f"{name}--stop"] = _fail(f"step '{node.id}' failed")

    def _container(self, step: str, command: object, environment: dict[str, str], node: Node | None) -> JsonObject:
        pod = node.kubernetes if node is not None else None
        definition = self._definitions[(pod.image if pod is not None else None) or self._settings.image]
        resources = node.resources if node is not None else None
        if self._settings.compute == "batch":
            arguments = containers.batch_job(self._name, step, command, environment, resources, definition)
        else:
            arguments = containers.ecs_task(command, environment, resources, definition)
        return {"Type": "Task", "Resource": _RESOURCES[self._settings.compute], "Arguments": arguments}

    def finish(self, status: str, following: str) -> JsonObject:
        """Return the state that records the end of the run."""
        environment = {contract.RUN: expression("$states.input.run")}
        state = self._container("flow--finish", containers.finish_command(status), environment, None)
        retry: list[JsonObject] = [{"ErrorEquals": [ANY_ERROR], "MaxAttempts": 2}]
        return state | {"Retry": retry, "Output": INPUT, "Next": following}

    def _read(self, node: Node, field: str, of_record: str, following: str, states: dict[str, JsonObject]) -> None:
        """Add to `states` the states that run a step, and a state that then reads the field `of_record` of the task's
        record from the store."""
        name = state_name(node.id)
        self._task(node, f"{name}--read", states)
        before = f"{self._settings.prefix}flows/{quote_name(self._analysis.flow.name)}/runs/"
        between = f"/tasks/{quote_name(node.id)}/"
        run = "$encodeUrlComponent($states.input.run)"  # the store's keys contain the run's id in this encoding
        key = f"{quoted(before)} & {run} & {quoted(between)} & {self._path(node.id)} & '.json'"
        states[f"{name}--read"] = {
            "Type": "Task",
            "Resource": _READ,
            "Arguments": {"Bucket": self._settings.bucket, "Key": expression(key)},
            "Retry": READ_RETRY,
            "Output": merged(**{field: f"$parse($states.result.Body).{of_record}"}),
            "Next": following,
        }

    # -- foreach -------------------------------------------------------------------------------------------------------

    def _map(self, node: Node, body: NodeId) -> JsonObject:
        distributed = self._is_distributed(node.id)
        mode: JsonObject = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"} if distributed else {"Mode": "INLINE"}
        most = self._settings.parallelism
        return {
            "Type": "Map",
            "Items": expression("[0..$states.input.count - 1]"),
            "ItemSelector": {
                "run": expression("$states.input.run"),
                "path": expression(f"{self._path(node.id)} & '.' & $string($states.context.Map.Item.Value)"),
                "retry": 0,
            },
            "MaxConcurrency": most if distributed else min(most, INLINE),
            "ItemProcessor": {"ProcessorConfig": mode, **self.graph(body, self._analysis.join_of[node.id])},
            "Output": INPUT,
        }

    def _is_distributed(self, split: NodeId) -> bool:
        """Return whether each item of a foreach gets its own execution (a distributed Map), which has its own event
        history.

        A foreach needs such executions in two cases: if more than 40 items may run at once, or if the body contains a
        loop or another foreach, because the number of events in one shared history would then have no limit. A foreach
        inside another foreach is never distributed.
        """
        scopes = self._analysis.scopes
        if any(isinstance(scope, ItemScope) for scope in scopes[split]):
            return False
        own = ItemScope(split)
        return self._settings.parallelism > INLINE or any(
            own in around and around[-1] != own for around in scopes.values()
        )


def _next(state: str | None) -> JsonObject:
    return {"End": True} if state is None else {"Next": state}


def _fail(cause: str) -> JsonObject:
    return {"Type": "Fail", "Error": "TaskFailed", "Cause": cause}
