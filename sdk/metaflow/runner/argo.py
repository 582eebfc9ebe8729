"""Deployment of flows to Argo Workflows from a program."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from typing import TYPE_CHECKING, Any, ClassVar

from metaflow.runner.argo_flow import ArgoWorkflowsDeployedFlow
from metaflow.runner.argo_place import Place
from metaflow.runner.click_api import MetaflowAPI
from metaflow.runner.subprocess_manager import SubprocessManager

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metaflow.runner.deployer import Deployer

__all__ = ["ArgoWorkflowsDeployer"]

_TOKENS = "flowc has no production tokens: leave it out; the roles of the cluster decide which accounts may deploy"
_NOTIFY = "decorate the flow with @exit_hook"
_REFUSED: Mapping[str, str] = {
    "authorize": _TOKENS,
    "auto_emit_argo_events": "publish events with Argo Events' own webhook",
    "deployer_attribute_file": "the Deployer itself sets it",
    "enable_error_msg_capture": "errors are always recorded: leave it out",
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
    "user_namespace": "runs of deployed flows are in no user's namespace: call metaflow.namespace(None) to see them",
    "workflow_description": "describe the flow in its docstring",
    "workflow_priority": "set it in the cluster, with a Kyverno or Argo policy",
    "workflow_title": "name the deployment: argo_workflows(name=…)",
}
"""Arguments of Metaflow's `create` that flowc does not have → the alternative."""
_STORE = "name the store of the pods' records: create(store=…)"
_REFUSED_TOP: Mapping[str, str] = {
    "datastore": _STORE,
    "datastore_root": _STORE,
    "namespace": "create(namespace=…) names the cluster's namespace",
    "tags": "create(tags=…) tags the runs",
}
"""Options before the command that have no effect on a deployment."""


class ArgoWorkflowsDeployer:
    """Deploys one flow to Argo Workflows; `Deployer.argo_workflows` returns it.

    Args:
        deployer: The flow's file and the environment of the command.
        **kwargs: `name`, the name of the WorkflowTemplate; by default derived from the flow's name.

    Raises:
        ValueError: an argument other than `name` is given.
    """

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

    def create(self, **kwargs: object) -> ArgoWorkflowsDeployedFlow:
        """Compile the flow and apply it to the cluster.

        A separate process compiles the flow's file; the calling process never imports the file. If this call is
        interrupted, that process is ended.

        Args:
            **kwargs: The options of `flowc deploy`, such as `image`, `store`, `namespace`, `service_account`,
                `tags` of every run, `max_workers`, `workflow_timeout`, `context`, `kubeconfig`, `force_conflicts`,
                `prune`.

        Raises:
            ValueError: an option is unknown, or is an option of Metaflow that flowc does not have; the message names an
                alternative.
            TypeError: a value does not have its option's type.
            TimeoutError: the command took longer than the Deployer's `file_read_timeout` seconds.
            RuntimeError: the deployment failed; the message contains the command's stderr.
        """
        from metaflow.cli import start

        deployer = self.deployer
        for arguments, refused in (kwargs, _REFUSED), (deployer.top_level_kwargs, _REFUSED_TOP):
            if option := next((key for key in arguments if key in refused), None):
                raise ValueError(f"a deployment has no option '{option}': {refused[option]}")
        api = MetaflowAPI.from_cli(deployer.flow_file, start)(**deployer.top_level_kwargs)
        with tempfile.TemporaryDirectory(prefix="flowc-deployer-") as directory:
            answer = os.path.join(directory, "deployed.json")
            words = api.deploy(**{"name": self.name} | kwargs, deployer_attribute_file=answer)
            pid = self.spm.run_command([sys.executable, *words], deployer.env_vars, deployer.cwd, deployer.show_output)
            command = self.spm.get(pid)
            assert command is not None
            try:
                ended = command.forward(None, deployer.file_read_timeout) or command.wait_until(
                    deployer.file_read_timeout
                )
            except BaseException:
                command.kill()
                raise
            if not ended:
                command.kill()
                raise TimeoutError(f"'{command}' has not ended within {deployer.file_read_timeout} seconds")
            if not os.path.exists(answer):
                with open(command.log_files["stderr"], encoding="utf-8", errors="replace") as file:
                    raise RuntimeError(
                        f"Error deploying {deployer.flow_file} to Argo Workflows:\n{file.read().strip()}"
                    )
            with open(answer, encoding="utf-8") as file:
                report = json.load(file)
        kubeconfig = report["kubeconfig"] or deployer.env.get("KUBECONFIG")
        place = Place(kubeconfig, report["context"], report["namespace"])
        return ArgoWorkflowsDeployedFlow(report["name"], report["flow_name"], report["metadata"], place)
