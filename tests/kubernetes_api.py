"""A Kubernetes API on loopback that keeps objects in memory, and runs each new Workflow in a simulation of Argo."""

from __future__ import annotations

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowc.targets.argo.cluster.workflows import store_of
from kubeconfig import KUBECONFIG
from targets.argo.controller import play

if TYPE_CHECKING:
    from collections.abc import Mapping

    from project import Project

MOUNTED = "file:///proc/self/cwd/.flowc"
"""The URL of the project's store for pods, and for programs in the project's directory: `/proc/self/cwd` avoids a path
below /tmp, which flowc refuses for volumes."""


class KubernetesApi:
    """A simulated Kubernetes API with one namespace, `mine`.

    `with KubernetesApi(project) as api` sets the project's KUBECONFIG.
    """

    def __init__(self, project: Project, secrets: Mapping[str, Mapping[str, str]] | None = None) -> None:
        self.project = project
        self.secrets = secrets or {}
        self.objects: dict[str, Any] = {}
        self.requests: list[str] = []
        self.hold = threading.Event()  # while this event is cleared, new Workflows do not start
        self.hold.set()
        self.environment = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": project.environment["PYTHONPATH"],
        }
        self._players: list[threading.Thread] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())

    def __enter__(self) -> KubernetesApi:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.project.write("kubeconfig", KUBECONFIG.replace("http://127.0.0.1:1", address))
        self.project.environment |= {"KUBECONFIG": str(self.project.root / "kubeconfig"),
                                     "FLOWC_CLUSTER_STORE": MOUNTED, "FLOWC_STORE_CLAIM": "claim"}  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        self.hold.set()
        for player in self._players:
            player.join()
        self._server.shutdown()
        self._server.server_close()

    @property
    def workflows(self) -> list[Any]:
        """The Workflows, oldest first."""
        return [each for key, each in self.objects.items() if key.startswith("workflows/")]

    def _play(self, workflow: Any) -> None:
        self.hold.wait()
        name = workflow["metadata"]["name"]
        started = self._complete(workflow)
        code = next(each["configMap"]["name"] for each in started["spec"]["volumes"] if "configMap" in each)
        work = self.project.root / "pods" / name
        work.mkdir(parents=True)
        named = store_of(started)
        url = f"file://{self.project.root}/.flowc" if named is None or named == MOUNTED else named
        played = play([self.objects[f"configmaps/{code}"], started], url, work, {}, name=name,
                      environment=self.environment, secrets=self.secrets)  # fmt: skip
        workflow["status"] = {"phase": played.phase, "message": "" if played.phase == "Succeeded" else played.logs()}

    def _complete(self, workflow: Any) -> Any:
        """Return the Workflow; if it refers to a WorkflowTemplate, with that template's spec, as Argo runs it."""
        spec = dict(workflow["spec"])
        if (template := spec.pop("workflowTemplateRef", None)) is not None:
            given = {each["name"]: each for each in (spec.pop("arguments", None) or {}).get("parameters") or ()}
            spec = {**self.objects[f"workflowtemplates/{template['name']}"]["spec"], **spec}
            declared = spec.get("arguments", {}).get("parameters", ())
            spec["arguments"] = {"parameters": [given.get(each["name"], each) for each in declared]}
        return {**workflow, "spec": spec}

    def _answer(self, method: str, kind: str, name: str, body: Any) -> tuple[int, Any]:
        self.requests.append(f"{method} {kind}")
        if method == "GET" and not name:
            items = [each for key, each in self.objects.items() if key.startswith(f"{kind}/")]
            return 200, {"items": items, "metadata": {}}
        if method == "GET":
            missing = {"kind": "Status", "reason": "NotFound", "details": {"name": name}, "message": "not found"}
            found = self.objects.get(f"{kind}/{name}")
            return (404, missing) if found is None else (200, found)
        key = f"{kind}/{name or body['metadata']['name']}"
        self.objects[key] = body
        body["metadata"].setdefault("creationTimestamp", "2026-01-01T00:00:00Z")
        if kind == "workflows":
            body["status"] = {"phase": "Running", "progress": "0/1"}
            player = threading.Thread(target=self._play, args=[body])
            self._players.append(player)
            player.start()
        return 201, body

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answer = self._answer

        class Handler(BaseHTTPRequestHandler):
            def _do(self) -> None:
                kind, _, name = self.path.partition("?")[0].partition("/namespaces/mine/")[2].partition("/")
                length = int(self.headers.get("Content-Length") or 0)
                status, data = answer(self.command, kind, name, json.loads(self.rfile.read(length)) if length else None)
                content = json.dumps(data).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PATCH = _do

            def log_message(self, *_: object) -> None:
                return

        return Handler
