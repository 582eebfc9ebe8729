"""The part of the Kubernetes API that flowc needs. Only this module imports the client, when `connect` is called.

The client finds the cluster and authenticates (kubeconfig, exec plugins, tokens that expire). The client's models are
not used. The client's discovery of API paths is not used either: it takes 0.3 s and writes a cache file to /tmp, and
the four kinds of object have fixed paths.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, cast

from flowc.targets.argo.cluster.errors import AlreadyThere, ClusterError, Missing
from flowc_ir.late.namedtuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kubernetes.client import ApiClient

    from flowc.targets.argo.cluster.resource_kinds import ResourceKind
    from flowc.targets.argo.object_types import ApiRefusal, KubeContext, Object, Page

MANAGER = "flowc"
TIMEOUT = (10.0, 60.0)  # the maximum seconds to connect, and to wait for the next bytes
PAGE = 500
_APPLY, _MERGE = "application/apply-patch+yaml", "application/merge-patch+json"
_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_VERBS = {"GET": "get", "POST": "create", "PATCH": "patch", "DELETE": "delete"}


def connect(*, kubeconfig: str | None = None, context: str | None = None, namespace: str | None = None) -> Cluster:
    """Return the connection to the cluster and namespace that the arguments name; for a missing argument, use the
    cluster and namespace that kubectl would use. No request is sent.

    Args:
        kubeconfig: a file to use instead of those in `KUBECONFIG` or `~/.kube/config`.
        context: a context of the file, instead of the file's current context.
        namespace: a namespace, instead of the context's namespace or (in a pod without kubeconfig) the pod's own
            namespace.

    Raises:
        ClusterError: the client is not installed, no configuration names a cluster, or the configuration is invalid.
    """
    try:
        from kubernetes.client import ApiClient, Configuration
        from kubernetes.config import ConfigException, load_incluster_config, load_kube_config
        from urllib3 import Retry
        from yaml import YAMLError  # the client parses its files with PyYAML
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("kubernetes", "urllib3"):
            raise
        raise ClusterError(
            "talking to a cluster needs the package kubernetes", "pip install 'flowc[cluster]'"
        ) from None
    configuration = Configuration()
    files = _files(kubeconfig)
    try:
        if files:
            load_kube_config(files, context=context, client_configuration=configuration)
            own = _namespace(files, context)
        elif context is None and "KUBERNETES_SERVICE_HOST" in os.environ:
            load_incluster_config(client_configuration=configuration)
            own = _ACCOUNT.read_text().strip() if _ACCOUNT.exists() else None
        else:
            raise ClusterError(
                "no kubeconfig names a cluster",
                "give one with --kubeconfig or KUBECONFIG; kubectl needs it too",
            )
    except ConfigException as error:
        named = f" '{context}'" if context else ""
        raise ClusterError(f"the kubeconfig cannot be used: {error}", f"kubectl config get-contexts{named}") from None
    except (AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError, YAMLError) as error:
        # The client assumes a kubeconfig in kubectl's form; for any other form it raises exceptions such as TypeError.
        raise ClusterError(f"the kubeconfig {files} cannot be used: {_why(error)}", "kubectl config view") from None
    # Only requests with the answer 429 (too many requests) are repeated. The answer says that the server has not
    # executed the request, so repeating it is safe for every HTTP method.
    configuration.retries = Retry(
        total=5,
        connect=0,
        read=0,
        other=0,
        redirect=0,
        backoff_factor=0.5,
        status_forcelist=[429],
        allowed_methods=None,
        raise_on_status=False,
    )
    return Cluster(ApiClient(configuration), namespace or own or "default")


def _why(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnicodeError):
        return "it is not UTF-8"
    if isinstance(error, (AttributeError, LookupError, TypeError)):
        return "it does not have the form of a kubeconfig"
    return " ".join(str(error).split())


def _files(kubeconfig: str | None) -> str | None:
    """Return the paths of the existing kubeconfig files, joined like in KUBECONFIG; None if no such file exists."""
    if kubeconfig is not None:
        if not Path(kubeconfig).is_file():
            raise ClusterError(f"there is no kubeconfig {kubeconfig}")
        return kubeconfig
    places = (os.environ.get("KUBECONFIG") or "~/.kube/config").split(os.pathsep)
    found = [place for place in map(os.path.expanduser, places) if os.path.isfile(place)]
    return os.pathsep.join(found) or None


def _namespace(files: str, context: str | None) -> str | None:
    """Return the namespace of the chosen context; None if the context does not set a namespace."""
    from kubernetes.config import list_kube_config_contexts

    # The client declares a wrong return type for `list_kube_config_contexts`: it returns a tuple of all contexts and
    # the current context.
    contexts, active = cast("tuple[list[KubeContext], KubeContext]", list_kube_config_contexts(files))
    chosen = next((entry for entry in contexts if entry["name"] == context), active)
    return chosen["context"].get("namespace") or None


class Cluster:
    """A connection to one namespace of a cluster. Every method raises ClusterError if the cluster does not answer or
    refuses the request."""

    def __init__(self, client: ApiClient, namespace: str) -> None:
        self.namespace = namespace
        self._client = client

    def get(self, kind: ResourceKind, name: str) -> Object:
        """Return an object.

        Raises:
            Missing: the object does not exist.
            ClusterError: the cluster does not answer, or refuses the request.
        """
        return self._call(_Call("GET", kind, name))

    def find(self, kind: ResourceKind, name: str) -> Object | None:
        """Return an object, or None if it does not exist."""
        try:
            return self.get(kind, name)
        except Missing:
            return None

    def search(self, kind: ResourceKind, selector: str = "") -> list[Object]:
        """Return only the metadata of all objects with these labels, because a whole object can be as large as a
        megabyte.

        Args:
            kind: the kind of the objects.
            selector: a label selector of Kubernetes, such as `flowc.dev/flow=hello-flow`; empty selects all.
        """
        return list(self._pages(kind, selector))

    def _pages(self, kind: ResourceKind, selector: str) -> Iterator[Object]:
        query = {"limit": str(PAGE)} | ({"labelSelector": selector} if selector else {})
        more = ""
        while True:
            call = _Call("GET", kind, None, query | ({"continue": more} if more else {}), accept=_METADATA)
            # `_call` is declared to return one object; here, the server returns a page of a list.
            page = cast("Page", self._call(call))
            yield from page["items"] or ()  # the server sends null for an empty list
            more = page["metadata"].get("continue") or ""
            if not more:
                return

    def apply(self, manifest: Object, kind: ResourceKind, *, dry_run: bool = False, force: bool = False) -> Object:
        """Apply a manifest (server-side apply) and return the resulting object.

        Args:
            manifest: the object, with its name.
            kind: the object's kind.
            dry_run: whether the cluster only checks the request and changes nothing.
            force: whether to overwrite fields that another field manager has set to another value.

        Raises:
            ClusterError: another field manager has set a field to another value and `force` is false, the manifest has
                an unknown field, or the cluster does not answer or refuses the request.
        """
        query = {"fieldManager": MANAGER, "fieldValidation": "Strict", "force": "true" if force else "false"}
        query |= {"dryRun": "All"} if dry_run else {}
        return self._call(_Call("PATCH", kind, manifest["metadata"]["name"], query, manifest, _APPLY))

    def create(self, manifest: Object, kind: ResourceKind) -> Object:
        """Create an object.

        Raises:
            AlreadyThere: an object of this name exists.
            ClusterError: the cluster does not answer, or refuses the request.
        """
        query = {"fieldManager": MANAGER, "fieldValidation": "Strict"}
        return self._call(_Call("POST", kind, None, query, manifest, "application/json"))

    def patch(self, kind: ResourceKind, name: str, changes: Mapping[str, object]) -> Object:
        """Change some fields of an object (JSON merge patch).

        Args:
            kind: the object's kind.
            name: its name.
            changes: the new values of fields, nested as in the object; None removes a field.

        Raises:
            Missing: the object does not exist.
            ClusterError: the cluster does not answer, or refuses the request.
        """
        return self._call(_Call("PATCH", kind, name, {"fieldManager": MANAGER}, changes, _MERGE))

    def delete(self, kind: ResourceKind, name: str) -> bool:
        """Delete an object and, in the background, the objects that it owns; return False if it does not exist."""
        try:
            self._call(_Call("DELETE", kind, name, {"propagationPolicy": "Background"}))
        except Missing:
            return False
        return True

    def _call(self, call: _Call) -> Object:
        from urllib3.exceptions import HTTPError

        path = f"{call.kind.root}/namespaces/{self.namespace}/{call.kind.plural}"
        headers = {"Accept": call.accept} | ({"Content-Type": call.content} if call.content else {})
        method, url, headers, body, _ = self._client.param_serialize(
            call.method,
            f"{path}/{call.name}" if call.name else path,
            query_params=list(call.query.items()),
            header_params=headers,
            body=call.body,
            auth_settings=["BearerToken"],
        )
        try:
            response = self._client.call_api(method, url, headers, body, _request_timeout=TIMEOUT)
            status, data = response.status, response.read()
        except HTTPError as error:
            raise ClusterError(
                f"the cluster does not answer at {self._client.configuration.host}: {_reason(error)}",
                "is it running, and is this the right --context?",
            ) from None
        if 200 <= status < 300:
            answer: Object = json.loads(data)
            assert isinstance(answer, dict)
            return answer
        raise refusal(call.method, call.kind, call.name, self.namespace, status, data)


class _Call(NamedTuple):
    method: str
    kind: ResourceKind
    name: str | None
    query: dict[str, str] = {}  # noqa: RUF012 - never changed
    body: Object | Mapping[str, object] | None = None
    content: str | None = None
    accept: str = "application/json"


def _reason(error: BaseException) -> str:
    """Return the innermost cause of an error in one line, because urllib3 wraps `Connection refused` in three
    exceptions."""
    cause = getattr(error, "reason", None) or error.__cause__ or error.__context__
    if isinstance(cause, BaseException) and cause is not error:
        return _reason(cause)
    return str(getattr(error, "strerror", None) or error).strip().partition("\n")[0] or type(error).__name__


# -- refusals of the server --------------------------------------------------------------------------------------------


def refusal(
    method: str, kind: ResourceKind, name: str | None, namespace: str, status: int, data: bytes
) -> ClusterError:
    """Return the error to raise for an answer whose HTTP status means failure.

    Args:
        method: the method of the HTTP request.
        kind: the kind of the object.
        name: its name; None for a request for a list or a new object.
        namespace: the namespace of the request.
        status: the HTTP status.
        data: the body of the answer: a `Status` object of Kubernetes, or a text from a proxy.

    Returns:
        `Missing` for an object that does not exist, `AlreadyThere` for one that already exists, else a `ClusterError`.
    """
    said = _status(data)
    message = str(said.get("message") or data.decode("utf-8", "replace").strip()).partition("\n")[0]
    shown = f"{kind.title}/{name}" if name else kind.plural
    match status:
        case 401:
            return ClusterError(
                "the cluster does not accept your credentials", "log in again; `kubectl get ns` shows details"
            )
        case 403:
            return _forbidden(method, kind, name, namespace, message)
        case 404 if not said:  # a 404 without a `Status` object: the server does not know the path
            return ClusterError(
                f"the cluster has no {kind.qualified}: Argo Workflows is not installed there",
                "install it, or choose another cluster with --context",
            )
        case 404 if said.get("details", {}).get("kind") == "namespaces":
            return ClusterError(f"there is no namespace '{namespace}'", f"kubectl create namespace {namespace}")
        case 404:
            return Missing(f"there is no {shown} in namespace {namespace}")
        case 409 if said.get("reason") == "AlreadyExists":
            return AlreadyThere(f"{shown} exists")
        case 409 if managers := _managers(said):
            fields = ", ".join(cause["field"] for cause in (said["details"]["causes"] or [])[:3])
            return ClusterError(
                f"{shown} is also managed by {managers}, which sets another value of {fields}",
                "--force-conflicts takes over these fields",
            )
    return ClusterError(f"the cluster refuses {shown}: {message or f'HTTP {status}'}")


def _status(data: bytes) -> ApiRefusal:
    """Return the `Status` object of an answer; an empty dict for any other answer, such as a page of a proxy."""
    try:
        said: ApiRefusal = json.loads(data)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _forbidden(method: str, kind: ResourceKind, name: str | None, namespace: str, message: str) -> ClusterError:
    verb = "list" if method == "GET" and name is None else _VERBS[method]
    if "cannot" in message and f'"{kind.plural}"' in message:
        # The server's message names the missing verb: an apply may also need `create`.
        verb = message.partition("cannot ")[2].partition(" ")[0] or verb
        return ClusterError(
            f"you may not {verb} {kind.qualified} in namespace {namespace}",
            f'a Role with apiGroups ["{kind.group}"], resources ["{kind.plural}"], verbs ["{verb}"] allows it; '
            "docs/deploy.md has the whole Role",
        )
    # another rule of the cluster, such as a quota or admission control, refused the request
    return ClusterError(f"you may not {verb} {kind.qualified} in namespace {namespace}: {message}")


def _managers(said: ApiRefusal) -> str:
    """Return the names of the other field managers with which an apply conflicts, from the causes in the answer."""
    causes = said.get("details", {}).get("causes") or []
    found = {
        cause.get("message", "").partition('"')[2].partition('"')[0]
        for cause in causes
        if cause.get("reason") == "FieldManagerConflict"
    }
    return ", ".join(f"'{manager}'" for manager in sorted(found))
