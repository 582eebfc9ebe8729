"""The settings of a deployment that the flow does not contain: image, store, namespace and so on. Imports no Hera."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, TypeAlias, final

from flowc import __version__
from flowc.targets.argo.names import MAX_FLOW
from flowc.targets.argo.pod import mounts
from flowc_ir.late import LateModule
from flowc_ir.late.dataclass import dataclass
from flowc_ir.late.pattern import late_pattern
from flowc_runtime.base import addresses, contract
from flowc_runtime.base.config.secret_setting import SecretSetting
from flowc_runtime.base.errors import TagError
from flowc_runtime.store.records.tags import check_tags

if TYPE_CHECKING:
    from flowc_runtime.base.config import plugin_kinds as kinds
else:  # imported at first use: only stores that packages add need it
    kinds = LateModule("flowc_runtime.base.config.plugin_kinds")

ManifestKind: TypeAlias = Literal["template", "workflow", "cron"]

KINDS: tuple[ManifestKind, ...] = ("template", "workflow", "cron")
_DNS = late_pattern(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?", re.ASCII)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings with which a flow is deployed.

    Attributes:
        image: the image of every task, with Python and `flowc_runtime` in it.
        store: the URL of the store in which pods keep records and artifacts.
        namespace: the namespace in the manifests; None leaves the choice to kubectl's context.
        name: the name of the template and the schedule; None derives it from the flow's name.
        kind: `template` (WorkflowTemplate, and CronWorkflow if the flow has a schedule), `workflow` (one run) or `cron`
            (like `template`, but a flow without a schedule is an error).
        service_account: the service account of the pods, which has the permissions of Argo's executor.
        store_claim: the PersistentVolumeClaim to mount at the directory of a `file://` store.
        store_secret: an optional Secret whose keys become environment variables, such as the store's credentials.
        parallelism: the maximum number of items of one foreach that run at once.
        ttl_seconds: how long an ended Workflow stays in the cluster; its data stays in the store.
        deadline_seconds: the longest duration of a run, None for no limit.
        concurrency: Argo's `concurrencyPolicy`: what happens at a scheduled time while the previous run is active.
        tags: the tags of every run.
        catalog: where the files of steps are kept; the value of the setting `catalog`.
        secrets: the source of the secrets for which steps give only a name; the value of the setting `secrets`.
        pickler: the pickler that writes artifacts; the value of the setting `pickler`.
        tracker: where pods send metrics; the value of the setting `tracker`. The tracker's package must be in the
            image.
        starting_deadline_seconds: if the controller misses a time of the schedule, the run may still start up to this
            many seconds later.
    """

    image: str = f"flowc-runtime:{__version__}"
    store: str = "s3://flowc"
    namespace: str | None = None
    name: str | None = None
    kind: ManifestKind = "template"
    service_account: str = "flowc"
    store_claim: str | None = None
    store_secret: str = "flowc-store"
    parallelism: int = 100
    ttl_seconds: int = 7 * 86400
    deadline_seconds: int | None = None
    concurrency: Literal["Allow", "Forbid", "Replace"] = "Allow"
    starting_deadline_seconds: int = 300
    tags: tuple[str, ...] = ()
    catalog: str = "store"
    secrets: str = "env"
    pickler: str = "pickle"
    tracker: str | None = None

    def __post_init__(self) -> None:
        """Check the values, which come from command lines and files.

        Raises:
            ValueError: Argo or Kubernetes would refuse or misread a value; the text begins with the setting's name and
                a colon.
        """
        if self.kind not in KINDS:
            raise ValueError(f"kind: one of {', '.join(KINDS)}, not {self.kind!r}")
        for name in ("image", "store", "catalog"):
            value = getattr(self, name)
            if not is_reference(value):
                shown = addresses.shown(value)
                raise ValueError(f"{name}: a plain reference without '{{{{', '$' and blanks, not {shown!r}")
        for name in ("namespace", "name", "service_account", "store_secret", "store_claim"):
            value = getattr(self, name)
            if value is not None and not _DNS.fullmatch(value):
                raise ValueError(f"{name}: lower-case letters, digits and '-', not {value!r}")
        if self.name is not None and len(self.name) > MAX_FLOW:
            raise ValueError(f"name: at most {MAX_FLOW} characters, since runs are named after it, not {self.name!r}")
        self._check_store()
        if not SecretSetting.is_valid(self.secrets):
            raise ValueError(f"secrets: {SecretSetting.expected(self.secrets)}, not {self.secrets!r}")
        if not is_reference(self.pickler):
            raise ValueError(f"pickler: a name without '{{{{', '$' and blanks, not {self.pickler!r}")
        self._check_tracker()
        try:
            check_tags(self.tags)
        except TagError as error:
            raise ValueError(f"tags: {error}") from None
        for name in ("parallelism", "deadline_seconds"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name}: at least 1, not {value}")

    def _check_tracker(self) -> None:
        if self.tracker is None:
            return
        if not is_reference(self.tracker):
            raise ValueError("tracker: a plain reference without '{{', '$' and blanks")
        if fault := addresses.fault_of_tracker(self.tracker):
            raise ValueError(f"tracker: {fault}; put the tracker's own variables into the Secret of the store")

    def _check_store(self) -> None:
        if problem := addresses.fault(self.store):
            raise ValueError(f"store: not {addresses.shown(self.store)}: {problem}; {addresses.HINT}")
        scheme, _, rest = self.store.partition("://")
        if (scheme in ("s3", "gs", "az") or (scheme != "file" and scheme in kinds.STORES.names())) and rest:
            if self.store_claim is not None:
                raise ValueError(f"store_claim: is only for a store in a directory, not for {self.store}")
        elif scheme != "file":
            raise ValueError(f"store: s3://, gs:// or az:// and a bucket, or file:///directory, not {self.store!r}")
        elif self.store_claim is None:
            raise ValueError(f"store: {self.store} reaches a pod as a volume only; name its claim with --store-claim")
        elif not rest.startswith("/") or mounts.problem(rest) or mounts.is_below(rest, contract.TMP):
            raise ValueError(f"store: an absolute directory, not /, /tmp or /flowc, not {self.store!r}")

    @property
    def store_directory(self) -> str | None:
        """The directory of a `file://` store, at which its claim is mounted; None if the store is a bucket."""
        return self.store.removeprefix("file://") if self.store_claim is not None else None


def is_reference(value: str) -> bool:
    """Return whether a string can be an image or address: it has no blanks, and nothing that Argo or the kubelet
    expands."""
    return bool(value) and value.isprintable() and not any(mark in value for mark in ("{{", "$", " "))
