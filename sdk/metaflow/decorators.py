"""The decorators of steps and flows: they record their arguments and change nothing else.

Each decorator returns the decorated function itself, not a wrapper. Each use of a decorator is recorded as an `Applied`
in the attribute `__flowc_decorators__`, with its arguments as written. Decorators raise no error for wrong arguments,
so that `flowc check` can report all errors of a flow at once, each with its file and line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, overload

from metaflow._applied import (
    ADDED,
    ATTRIBUTE,
    COMMAND_LINE,
    USER_ATTRIBUTE,
    Applied,
    _decorate,
    added_to,
    applied_to,
    apply,
    inline_secrets,
)
from metaflow._flow_decorators import exit_hook, project, schedule, trigger, trigger_on_finish

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from metaflow._legacy.base import Decorator as Decorator
    from metaflow._legacy.base import FlowDecorator as FlowDecorator
    from metaflow._legacy.base import StepDecorator as StepDecorator
    from metaflow.exception import InvalidDecoratorAttribute as InvalidDecoratorAttribute
    from metaflow.exception import MetaflowException as MetaflowException

    # Defined only for type checkers: at run time, creating a TypeVar compiles the text of its bound, which takes 1 ms
    # the first time.
    _Function = TypeVar("_Function", bound="Callable[..., object]")

__all__ = [
    "ADDED", "ATTRIBUTE", "COMMAND_LINE", "USER_ATTRIBUTE", "Applied", "_decorate", "added_to", "applied_to", "apply",
    "card", "catch", "environment", "exit_hook", "inline_secrets", "kubernetes", "parallel", "project",
    "pytorch_parallel", "resources", "retry", "schedule", "secrets", "step", "timeout", "trigger", "trigger_on_finish",
    "unbounded_test_foreach_internal",
]  # fmt: skip


@overload
def step(function: _Function, /) -> _Function: ...
@overload
def step(*, start: bool = False, end: bool = False, node_info: object = None) -> Callable[[_Function], _Function]: ...
def step(*args: object, **kwargs: object) -> object:
    """Make a method of a flow a step: `def train(self):`, or `def join(self, inputs):` for a join.

    The flow starts with the step `start` and ends with the step `end`, unless other steps have `start=True` and
    `end=True`.

    Targets:
        local: works
        argo: works

    Args:
        start: Make this the first step of the flow.
        end: Make this the last step of the flow.
        node_info: Information for programs that read the flow, as `self._graph["train"].node_info`.
    """
    return _decorate("step", args, kwargs)


@overload
def parallel(function: _Function, /) -> _Function: ...
@overload
def parallel() -> Callable[[_Function], _Function]: ...
def parallel(*args: object, **kwargs: object) -> object:
    """Mark a step whose tasks run at the same time: `self.next(self.train, num_parallel=4)`; see `current.parallel`.

    Targets:
        local: works
        argo: works
    """
    return _decorate("parallel", args, kwargs)


@overload
def pytorch_parallel(function: _Function, /) -> _Function: ...
@overload
def pytorch_parallel(*, master_port: int | str | None = None) -> Callable[[_Function], _Function]: ...
def pytorch_parallel(*args: object, **kwargs: object) -> object:
    """Mark a step like `@parallel`, and set up `torch.distributed` in its tasks.

    Each task has the environment variables that `metaflow.plugins.frameworks.pytorch.setup_torch_distributed` sets. An
    extension may replace the class of the decorator.

    Targets:
        local: works
        argo: works

    Args:
        master_port: Port on which the first task listens. None chooses one.
    """
    from metaflow import _extensions

    place = "metaflow.plugins.frameworks.pytorch.PytorchParallelDecorator"
    _extensions.decorators.setdefault("pytorch_parallel", {"step": place})
    return _decorate("pytorch_parallel", args, kwargs)


@overload
def unbounded_test_foreach_internal(function: _Function, /) -> _Function: ...
@overload
def unbounded_test_foreach_internal() -> Callable[[_Function], _Function]: ...
def unbounded_test_foreach_internal(*args: object, **kwargs: object) -> object:
    """Mark a step as the target of a foreach over an `InternalTestUnboundedForeachInput`. The mark has no effect.

    Targets:
        local: works
        argo: works
    """
    return _decorate("unbounded_test_foreach_internal", args, kwargs)


@overload
def retry(function: _Function, /) -> _Function: ...
@overload
def retry(*, times: int = 3, minutes_between_retries: float = 2) -> Callable[[_Function], _Function]: ...
def retry(*args: object, **kwargs: object) -> object:
    """Run the step again when it fails.

    Targets:
        local: works, without a pause between attempts
        argo: works

    Args:
        times: How many attempts may follow the first. With 0, the step is not retried, even with the option
            `--with retry`.
        minutes_between_retries: Minutes between two attempts on a cluster.
    """
    return _decorate("retry", args, kwargs)


@overload
def catch(function: _Function, /) -> _Function: ...
@overload
def catch(*, var: str | None = None, print_exception: bool = True) -> Callable[[_Function], _Function]: ...
def catch(*args: object, **kwargs: object) -> object:
    """Continue with the next step if all attempts of the step fail.

    Targets:
        local: works
        argo: works

    Args:
        var: Name of the artifact that gets the exception, or None if the step succeeds. Without this argument, the
            exception is not stored in an artifact.
        print_exception: Print the exception and its traceback.
    """
    return _decorate("catch", args, kwargs)


@overload
def timeout(function: _Function, /) -> _Function: ...
@overload
def timeout(*, seconds: int = 0, minutes: int = 0, hours: int = 0) -> Callable[[_Function], _Function]: ...
def timeout(*args: object, **kwargs: object) -> object:
    """Interrupt an attempt of the step that takes longer than the sum of `seconds`, `minutes` and `hours`.

    A `TimeoutException` is raised in the step. A fraction of a second is rounded up.

    Targets:
        local: works
        argo: works

    Args:
        seconds: The seconds of the time limit.
        minutes: The minutes of the time limit.
        hours: The hours of the time limit.
    """
    return _decorate("timeout", args, kwargs)


@overload
def resources(function: _Function, /) -> _Function: ...
@overload
def resources(
    *,
    cpu: float | str | None = None,
    gpu: int | str | None = None,
    disk: int | str | None = None,
    memory: int | str | None = None,
    shared_memory: int | str | None = None,
) -> Callable[[_Function], _Function]: ...
def resources(*args: object, **kwargs: object) -> object:
    """Request CPUs, memory, GPUs and disk space for the step.

    Targets:
        local: no effect
        argo: works, as resource requests of the pods; an amount that is not given is not requested

    Args:
        cpu: Cores, such as 0.5 or 4.
        gpu: Number of GPUs.
        disk: Disk space in MiB.
        memory: Memory in MiB.
        shared_memory: Size of `/dev/shm` in MiB.
    """
    return _decorate("resources", args, kwargs)


@overload
def environment(function: _Function, /) -> _Function: ...
@overload
def environment(*, vars: Mapping[str, str | float]) -> Callable[[_Function], _Function]: ...
def environment(*args: object, **kwargs: object) -> object:
    """Set environment variables for the step.

    Manifests and records contain the values of the variables: do not use secrets.

    Targets:
        local: works
        argo: works

    Args:
        vars: Names and values of the variables.
    """
    return _decorate("environment", args, kwargs)


@overload
def kubernetes(function: _Function, /) -> _Function: ...
@overload
def kubernetes(
    *,
    cpu: float | str | None = 1,
    memory: int | str | None = 4096,
    disk: int | str | None = 10240,
    image: str | None = None,
    image_pull_policy: str | None = None,
    image_pull_secrets: Sequence[str] | None = None,
    service_account: str | None = None,
    secrets: Sequence[str] | str | None = None,
    node_selector: Mapping[str, str] | str | None = None,
    namespace: str | None = None,
    gpu: int | str | None = None,
    gpu_vendor: str | None = None,
    tolerations: Sequence[Mapping[str, str | int | None]] | None = None,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    use_tmpfs: bool | None = None,
    tmpfs_tempdir: bool = True,
    tmpfs_size: int | str | None = None,
    tmpfs_path: str | None = "/metaflow_temp",
    persistent_volume_claims: Mapping[str, str] | None = None,
    shared_memory: int | str | None = None,
    port: int | str | None = None,
    compute_pool: str | None = None,
    executable: str | None = None,
    hostname_resolution_timeout: int = 600,
    qos: str = "burstable",
    extended_resources: Mapping[str, str] | None = None,
    security_context: Mapping[str, bool | int | None] | None = None,
) -> Callable[[_Function], _Function]: ...
def kubernetes(*args: object, **kwargs: object) -> object:
    """Describe the pods that the step runs in on a cluster.

    If a step also has `@resources`, the larger amount of each resource is used.

    Targets:
        local: no effect
        argo: works, except for arguments that it refuses

    Args:
        cpu: Cores that a pod requests.
        memory: Memory that a pod requests, in MiB.
        disk: Disk space that a pod requests, in MiB.
        image: Image that the step runs in. None means the flow's image, which `--image` sets.
        image_pull_policy: When the image is pulled.
        image_pull_secrets: Secrets of the cluster with the credentials of the image's registry.
        service_account: Service account of the pods. None means the flow's service account, which `--service-account`
            sets.
        secrets: Secrets of the cluster whose keys become environment variables.
        node_selector: Labels that a node must have.
        namespace: Namespace of the pods. `argo` refuses a namespace that differs from the flow's namespace.
        gpu: Number of GPUs that a pod requests.
        gpu_vendor: Vendor of the GPUs. None means `nvidia`.
        tolerations: Taints of nodes that the pods tolerate, each with Kubernetes' fields.
        labels: Labels of the pods.
        annotations: Annotations of the pods.
        use_tmpfs: Mount a file system in memory. None means to mount it if `tmpfs_size` is given.
        tmpfs_tempdir: Set `METAFLOW_TEMPDIR` to the file system in memory.
        tmpfs_size: Size of the file system in memory, in MiB. None means half of the memory.
        tmpfs_path: Directory where the file system in memory is mounted.
        persistent_volume_claims: Names of persistent volume claims, and the absolute paths where the volumes are
            mounted.
        shared_memory: Size of `/dev/shm`, in MiB.
        port: Port of the container. `argo` refuses this argument, because a pod may listen on any port.
        compute_pool: Pool of nodes. `argo` refuses this argument; choose nodes with `node_selector`.
        executable: Python interpreter to use. `argo` refuses this argument; use an image whose `python` is that
            interpreter.
        hostname_resolution_timeout: Seconds that the tasks of a gang wait for the address of their first task. `argo`
            refuses this argument outside of gangs.
        qos: Quality-of-service class of the pods; `guaranteed` sets limits equal to the requests.
        extended_resources: Other resources that a pod requests, such as `{"example.com/dongle": "1"}`.
        security_context: What the container may do. `argo` refuses root and privileges.
    """
    return _decorate("kubernetes", args, kwargs)


@overload
def secrets(function: _Function, /) -> _Function: ...
@overload
def secrets(
    *,
    sources: Sequence[str | Mapping[str, object]] = (),
    role: str | None = None,
    allow_override: bool = False,
) -> Callable[[_Function], _Function]: ...
def secrets(*args: object, **kwargs: object) -> object:
    """Set environment variables from sources of secrets, for this step only, directly before its code runs.

    A source is a dict with `type` (`env`, `dotenv`, `files`, `inline`, `kubernetes`, or the dotted name of a class),
    `id` and `options`, or the text `type.id`. The values of the secrets are not stored.

    Targets:
        local: works
        argo: works with sources whose type is `kubernetes` or a class; refuses all other sources

    Args:
        sources: Sources of secrets, in the order in which they are read.
        role: Role for the sources that do not name a role.
        allow_override: Let a source replace variables that are already set.
    """
    return _decorate("secrets", args, kwargs)


@overload
def card(function: _Function, /) -> _Function: ...
@overload
def card(
    *,
    type: str = "default",
    id: str | None = None,
    options: Mapping[str, object] | None = None,
    timeout: int = 45,
    refresh_interval: int = 5,
    save_errors: bool = True,
    customize: bool = False,
    scope: str = "task",
    rank: int | None = None,
) -> Callable[[_Function], _Function]: ...
def card(*args: object, **kwargs: object) -> object:
    """Make a report of each task of the step; a step may have several cards.

    Targets:
        local: works
        argo: works

    Args:
        type: Type of the card: `default`, `blank`, or a type that a package provides.
        id: Name of the card, for `current.card["id"]`.
        options: Options of the card. The possible options depend on the card's type.
        timeout: Seconds that making the card may take.
        refresh_interval: Minimum seconds between two updates of the card while the step runs.
        save_errors: Store a card with the error if making the card fails.
        customize: Make `current.card` without an id refer to this card.
        scope: Always `task`; the argument exists for compatibility with Metaflow.
        rank: Always None; the argument exists for compatibility with Metaflow.
    """
    return _decorate("card", args, kwargs)


# name: its module. Each name is also imported under TYPE_CHECKING above.
_LAZY = {
    "Decorator": "metaflow._legacy.base",
    "FlowDecorator": "metaflow._legacy.base",
    "StepDecorator": "metaflow._legacy.base",
    "_attach_decorators_to_step": "metaflow._legacy.attaching",
    "InvalidDecoratorAttribute": "metaflow.exception",
    "MetaflowException": "metaflow.exception",
}

if not TYPE_CHECKING:  # hidden from type checkers, so that type checkers report unknown names

    def __getattr__(name: str) -> object:
        if name not in _LAZY:
            raise AttributeError(f"module 'metaflow.decorators' has no attribute '{name}'")
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
