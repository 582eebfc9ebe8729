"""Flows on Argo Workflows: deploying them, starting runs of them, and what becomes of those."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, final

from metaflow.exception import MetaflowException
from metaflow.runner._signature import FlowParameter
from metaflow.runner.click_api import MetaflowAPI, parameter_words
from metaflow.runner.deployer import DeployedFlow, Deployer, TriggeredRun
from metaflow.runner.subprocess_manager import SubprocessManager

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowc.cluster.api import Cluster
    from flowc.cluster.targets import Deployed
    from flowc.cluster.targets import Run as Target
    from metaflow.client import Run

__all__ = ["ArgoWorkflowsDeployedFlow", "ArgoWorkflowsDeployer", "ArgoWorkflowsTriggeredRun"]

PATIENCE = 120.0  # seconds that `terminate` waits for pods to end

_TOKENS = "flowc has no production tokens: leave it out; the cluster's own roles say who may deploy"
_NOTIFY = "decorate the flow with @exit_hook"
_REFUSED: Mapping[str, str] = {
    "authorize": _TOKENS,
    "auto_emit_argo_events": "publish events with Argo Events' own webhook",
    "deployer_attribute_file": "the Deployer itself sets it",
    "enable_error_msg_capture": "errors are always kept: leave it out",
    "enable_heartbeat_daemon": "Argo itself watches the pods: leave it out",
    "generate_new_token": _TOKENS,
    "given_token": _TOKENS,
    "incident_io_alert_source_config_id": _NOTIFY,
    "incident_io_metadata": _NOTIFY,
    "notify_incident_io_api_key": _NOTIFY,
    "notify_on_error": _NOTIFY,
    "notify_on_success": _NOTIFY,
    "notify_pager_duty_integration_key": _NOTIFY,
    "notify_slack_webhook_url": _NOTIFY,
    "only_json": "`flowc compile` prints the manifests",
    "tags": "tag runs later: `flowc tag add`, or Run.add_tag",
    "user_namespace": "runs of deployed flows are in no user's namespace: call metaflow.namespace(None) to see them",
    "workflow_description": "the flow's docstring says what it is",
    "workflow_priority": "set it in the cluster, with a Kyverno or Argo policy",
    "workflow_title": "name the deployment: argo_workflows(name=…)",
}
"""Arguments of Metaflow's `create` that flowc has not: what to do instead."""
_STORE = "say where pods keep records: create(store=…)"
_REFUSED_TOP: Mapping[str, str] = {
    "datastore": _STORE,
    "datastore_root": _STORE,
    "namespace": "create(namespace=…) is the cluster's",
    "tags": _REFUSED["tags"],
}
"""Options before the command that mean nothing for a deployment."""


@final
@dataclass(frozen=True, slots=True)
class _Place:
    """Which namespace of which cluster, as the command lines know it: None is what kubectl would take."""

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str | None = None

    @contextmanager
    def cluster(self) -> Iterator[Cluster]:
        """The cluster. What goes wrong with it inside is a MetaflowException."""
        from flowc.cluster.api import connect
        from flowc.cluster.errors import ClusterError

        namespace = self.namespace or os.environ.get("FLOWC_NAMESPACE") or None
        try:
            yield connect(kubeconfig=self.kubeconfig, context=self.context, namespace=namespace)
        except ClusterError as error:
            hint = f"; {error.hint}" if error.hint else ""
            raise MetaflowException(f"{error.message}{hint}") from None


class ArgoWorkflowsDeployer:
    """Deploys one flow to Argo Workflows; `Deployer.argo_workflows` makes one."""

    TYPE: ClassVar[str] = "argo-workflows"

    def __init__(self, deployer: Deployer, **kwargs: Any) -> None:
        if unknown := next((key for key in kwargs if key != "name"), None):
            raise ValueError(f"Unknown argument: '{unknown}', possible args are: name")
        self.deployer = deployer
        self.name: str | None = kwargs.get("name")
        self.spm = SubprocessManager()

    def __enter__(self) -> ArgoWorkflowsDeployer:
        return self

    def __exit__(self, *_: object) -> None:
        self.cleanup()

    def cleanup(self) -> None:
        """Remove the temporary files."""
        self.spm.cleanup()

    def create(self, **kwargs: Any) -> ArgoWorkflowsDeployedFlow:
        """Compile the flow and apply it to the cluster.

        The flow's file is compiled in a process of its own, like the runs of a Runner, and is never imported here.

        Args:
            **kwargs: The options of `flowc deploy`, such as `image`, `store`, `namespace`, `service_account`,
                `max_workers`, `workflow_timeout`, `context`, `kubeconfig`, `force_conflicts`, `prune`.

        Raises:
            ValueError: there is no such option.
            RuntimeError: it was not deployed; with what was said.
        """
        from metaflow.cli import start

        asked = self.deployer
        for given, refused in (kwargs, _REFUSED), (asked.top_level_kwargs, _REFUSED_TOP):
            if found := next((key for key in given if key in refused), None):
                raise ValueError(f"a deployment has no '{found}': {refused[found]}")
        api = MetaflowAPI.from_cli(asked.flow_file, start)(**asked.top_level_kwargs)
        with tempfile.TemporaryDirectory(prefix="flowc-deployer-") as directory:
            answer = os.path.join(directory, "deployed.json")
            words = api.deploy(**{"name": self.name} | kwargs, deployer_attribute_file=answer)
            pid = self.spm.run_command([sys.executable, *words], asked.env_vars, asked.cwd, asked.show_output)
            command = self.spm.get(pid)
            assert command is not None
            try:
                ended = command.forward(None, asked.file_read_timeout) or command.wait_until(asked.file_read_timeout)
            except BaseException:
                command.kill()
                raise
            if not ended:
                command.kill()
                raise TimeoutError(f"'{command}' has not ended within {asked.file_read_timeout} seconds")
            if not os.path.exists(answer):
                with open(command.log_files["stderr"], encoding="utf-8", errors="replace") as file:
                    raise RuntimeError(f"Error deploying {asked.flow_file} to Argo Workflows:\n{file.read().strip()}")
            with open(answer, encoding="utf-8") as file:
                made = json.load(file)
        kubeconfig = made["kubeconfig"] or asked.env.get("KUBECONFIG")
        place = _Place(kubeconfig, made["context"], made["namespace"])
        return ArgoWorkflowsDeployedFlow(made["name"], made["flow_name"], made["metadata"], place)


class ArgoWorkflowsDeployedFlow(DeployedFlow):
    """A flow on Argo Workflows.

    Attributes:
        name: the WorkflowTemplate's.
        flow_name: the flow's own.
        metadata: the store of its runs, as `metaflow.metadata` takes it.
    """

    TYPE = "argo-workflows"

    def __init__(self, name: str, flow_name: str, metadata: str, place: _Place) -> None:
        self.name, self.flow_name, self.metadata = name, flow_name, metadata
        self._place = place

    def __repr__(self) -> str:
        return f"{type(self).__name__}('{self.name}')"

    @property
    def id(self) -> str:
        """What finds it again: `DeployedFlow.from_deployment(id)`."""
        return self.name

    @property
    def namespace(self) -> str | None:
        """The namespace that it is in; None is that of the kubeconfig."""
        return self._place.namespace

    @property
    def production_token(self) -> None:
        """None: flowc has no production tokens. Who may deploy, the cluster's own roles say."""
        return

    @property
    def workflow_template(self) -> dict[str, Any]:
        """The WorkflowTemplate, as the cluster has it."""
        with self._place.cluster() as cluster:
            template = self._find(cluster).template
        assert template is not None
        return template

    @classmethod
    def find(cls, identifier: str, metadata: str | None) -> ArgoWorkflowsDeployedFlow:
        """What `DeployedFlow.from_deployment` gives. Raises MetaflowException."""
        place = _Place()
        with place.cluster() as cluster:
            return cls._of(cluster, _deployed(cluster, identifier), metadata)

    @classmethod
    def list(cls, flow_name: str | None) -> Iterator[ArgoWorkflowsDeployedFlow]:
        """What `DeployedFlow.list_deployed_flows` gives."""
        from flowc.cluster.kinds import FLOW_LABEL, MANAGED_LABEL, TEMPLATE, name_of

        with _Place().cluster() as cluster:
            for item in cluster.search(TEMPLATE, f"{FLOW_LABEL},{MANAGED_LABEL}=flowc"):
                found = cls._of(cluster, _deployed(cluster, name_of(item)), None)
                if flow_name in (None, found.flow_name):
                    yield found

    @classmethod
    def _of(cls, cluster: Cluster, deployed: Deployed, metadata: str | None) -> ArgoWorkflowsDeployedFlow:
        from flowc.cluster.submission import flow_of
        from flowc.cluster.workflows import store_of

        template = deployed.template
        assert template is not None
        flow, store = flow_of(cluster, template), store_of(template["spec"])
        if flow is None or store is None:
            raise MetaflowException(f"{deployed.name} was not deployed by this version of flowc: deploy it again")
        return cls(deployed.name, flow.name, metadata or store, _Place(namespace=cluster.namespace))

    def _find(self, cluster: Cluster) -> Deployed:
        return _deployed(cluster, self.name)

    def trigger(self, **kwargs: Any) -> ArgoWorkflowsTriggeredRun:
        """Start a run.

        Args:
            **kwargs: The flow's parameters by their names.

        Raises:
            ValueError: there is no such parameter, one is missing, or its value does not fit.
            TypeError: a value is of another type.
        """
        from flowc.cli.new_run import new_run_id
        from flowc.cluster.submission import BadParameter, accepted, arguments_of, check_size, flow_of, submit

        with self._place.cluster() as cluster:
            template = self._find(cluster).template
            assert template is not None
            flow = flow_of(cluster, template)
            parameters = accepted(template, flow)
            given = _pairs([FlowParameter.of(p) for p in flow.parameters] if flow else [], kwargs)
            try:
                arguments = arguments_of(parameters, given)
                check_size(template, arguments, {parameter.argument: parameter.name for parameter in parameters})
            except BadParameter as error:
                raise ValueError(str(error)) from None
            run = submit(cluster, template, arguments, lambda: new_run_id(time.time()))
        return self.triggered(run)

    def triggered(self, run_id: str) -> ArgoWorkflowsTriggeredRun:
        """The run of this id."""
        return ArgoWorkflowsTriggeredRun(self, run_id.rpartition("/")[2])

    def delete(self, *, force: bool = False) -> bool:
        """Delete the flow from the cluster; what its runs have left in the store stays. False if it was not there.

        Raises:
            MetaflowException: runs of it are active, which would lose what they need; `force` deletes all the same.
        """
        from flowc.cluster.control import active_runs, belongings
        from flowc.cluster.targets import find_deployed

        with self._place.cluster() as cluster:
            target = find_deployed(cluster, self.name)
            if target is None:
                return False
            if (active := active_runs(cluster, target)) and not force:
                raise MetaflowException(f"runs of {self.name} are active: {', '.join(active[:3])}; end them first")
            gone = [cluster.delete(kind, name) for kind, name in belongings(cluster, target)]
        return any(gone)


class ArgoWorkflowsTriggeredRun(TriggeredRun):
    """A run of a deployed flow.

    Attributes:
        name: its id, which is the name of the Workflow.
        pathspec: FLOW/RUN.
    """

    def __init__(self, deployed: ArgoWorkflowsDeployedFlow, run_id: str) -> None:
        self.deployed_flow = deployed
        self.name = run_id
        self.pathspec = f"{deployed.flow_name}/{run_id}"
        self.metadata = deployed.metadata

    def __repr__(self) -> str:
        return f"{type(self).__name__}('{self.pathspec}')"

    @contextmanager
    def _target(self) -> Iterator[tuple[Cluster, Target]]:
        from flowc.cluster.targets import find_run

        with self.deployed_flow._place.cluster() as cluster:
            yield cluster, find_run(cluster, self.name)

    @property
    def id(self) -> str:
        """The run's id."""
        return self.name

    @property
    def status(self) -> str:
        """As Argo says it: Pending, Running, Succeeded, Failed or Error; Suspended while it is held."""
        from flowc.cluster.workflows import view

        with self._target() as (_, target):
            seen = view(target.workflow)
        return "Suspended" if seen.asked == "suspended" else seen.phase

    @property
    def is_running(self) -> bool:
        """Whether it has yet to end."""
        from flowc.cluster.workflows import view

        with self._target() as (_, target):
            return view(target.workflow).active

    @property
    def run(self) -> Run | None:
        """The run in the client, whatever the namespace is; None until its first task has begun."""
        from metaflow.client import Run
        from metaflow.exception import MetaflowNotFound

        try:
            return Run(self.pathspec, _namespace_check=False, _current_metadata=self.metadata)
        except MetaflowNotFound:
            return None

    def wait_for_run(self, check_interval: float = 5, timeout: float | None = None) -> None:
        """Wait until there is a `run`.

        Raises:
            TimeoutError: there is none after `timeout` seconds.
            RuntimeError: the run has ended and left none, as where no pod could start.
        """
        for late in _looks(check_interval, timeout):
            running = self.is_running  # before the look at the store, so that what it has left is seen
            if self.run is not None:
                return
            if not running:
                raise RuntimeError(f"run {self.name} has ended without a record in {self.metadata}: {self.status}")
            if late:
                raise TimeoutError(f"run {self.name} has not begun within {timeout} seconds")

    def wait_for_completion(self, check_interval: float = 5, timeout: float | None = None) -> None:
        """Wait until it has ended. Raises TimeoutError if it has not after `timeout` seconds."""
        for late in _looks(check_interval, timeout):
            if not self.is_running:
                return
            if late:
                raise TimeoutError(f"run {self.name} has not ended within {timeout} seconds")

    def suspend(self) -> bool:
        """Hold the run: what it has started goes on, nothing new starts."""
        return self._suspend(on=True)

    def unsuspend(self) -> bool:
        """Let the run go on."""
        return self._suspend(on=False)

    def _suspend(self, *, on: bool) -> bool:
        from flowc.cluster.control import suspend

        with self._target() as (cluster, target):
            suspend(cluster, target, on=on)
        return True

    def terminate(self) -> bool:
        """End the run, and see to it that its record says so. False if it has pods left after two minutes.

        Raises:
            MetaflowException: it has ended already.
        """
        from flowc.cluster.control import end, record_end, wait
        from flowc_runtime import settings

        with self._target() as (cluster, target):
            end(cluster, target, now=False)
            workflow = wait(cluster, self.name, PATIENCE)
            if workflow is not None:
                record_end(cluster, workflow, settings.user_name())
        return workflow is not None


def _deployed(cluster: Cluster, name: str) -> Deployed:
    """The deployed flow of a name. Raises ClusterError."""
    from flowc.cluster.errors import ClusterError
    from flowc.cluster.kinds import TEMPLATE
    from flowc.cluster.targets import find_deployed, missing

    found = find_deployed(cluster, name)
    if found is None or found.template is None:
        raise ClusterError(*missing(cluster, "deployed flow", name, [TEMPLATE]))
    return found


def _pairs(parameters: list[FlowParameter], given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is given as names and texts, as `flowc trigger --param` takes them."""
    known = {parameter.keyword: parameter for parameter in parameters}
    pairs: list[tuple[str, str]] = []
    for key, value in given.items():
        if key not in known:
            raise ValueError(f"Unknown argument: '{key}', possible args are: {', '.join(known)}")
        if value is not None:
            words = parameter_words(known[key], value)
            pairs += [(known[key].name, text) for text in (words[1::2] if len(words) > 1 else ["true"] * len(words))]
    return pairs


def _looks(interval: float, timeout: float | None) -> Iterator[bool]:
    """Look now and at intervals; True: this is the last time."""
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        left = None if deadline is None else deadline - time.monotonic()
        yield left is not None and left <= 0
        time.sleep(interval if left is None else max(0.0, min(interval, left)))
