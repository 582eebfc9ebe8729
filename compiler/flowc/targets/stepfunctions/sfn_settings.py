"""The settings of a state machine that the flow does not contain: what runs its tasks, the image, the store etc."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, TypeAlias, final

from flowc import __version__
from flowc_ir.late.dataclass import dataclass
from flowc_ir.late.pattern import late_pattern
from flowc_runtime.base import addresses
from flowc_runtime.base.config.secret_setting import SecretSetting
from flowc_runtime.base.errors import TagError
from flowc_runtime.store.records.tags import check_tags

if TYPE_CHECKING:
    from collections.abc import Mapping

Compute: TypeAlias = Literal["batch", "ecs"]

COMPUTES: tuple[Compute, ...] = ("batch", "ecs")
MAX_NAME = 60  # AWS allows 80 characters; names of jobs and log groups need the rest, since they contain this name
INLINE = 40
"""The maximum number of iterations of an inline Map that Step Functions runs at once."""
_NAME = late_pattern(r"[A-Za-z0-9][A-Za-z0-9_-]*", re.ASCII)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MachineSettings:
    """The settings with which a flow is compiled to a state machine.

    Attributes:
        compute: the service that runs the tasks.
        image: the image with the flow's code, its IR and `flowc_runtime`.
        store: the URL of a bucket of S3 for records and artifacts.
        name: the name of the state machine; None derives it from the flow's name.
        job_queue: the queue of AWS Batch; if it is None, a parameter of the stack chooses the queue.
        cluster: the cluster of ECS; if it is None, a parameter of the stack chooses the cluster.
        parallelism: the maximum number of items of one foreach that run at once.
        deadline_seconds: the longest duration of a run, None for no limit.
        tags: the tags of every run.
        catalog: where the files of steps are kept; the value of the setting `catalog`.
        secrets: the source of the secrets for which steps give only a name; the value of the setting `secrets`.
        pickler: the pickler that writes artifacts; the value of the setting `pickler`.
        tracker: where tasks send metrics; the value of the setting `tracker`. The tracker's package must be in the
            image.
        context: the directory to which the image's build context is written, None for none.
    """

    compute: Compute = "batch"
    image: str = f"flowc-runtime:{__version__}"
    store: str = "s3://flowc"
    name: str | None = None
    job_queue: str | None = None
    cluster: str | None = None
    parallelism: int = INLINE
    deadline_seconds: int | None = None
    tags: tuple[str, ...] = ()
    catalog: str = "store"
    tracker: str | None = None
    context: str | None = None
    secrets: str = "env"
    pickler: str = "pickle"

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: AWS would refuse a value; the text begins with the setting's name and a colon.
        """
        if "$" in self.catalog or not self.catalog.isprintable():
            raise ValueError(f"catalog: a name without '$', not {self.catalog!r}")
        if self.compute not in COMPUTES:
            raise ValueError(f"compute: one of {', '.join(COMPUTES)}, not {self.compute!r}")
        if not self.image or not self.image.isprintable() or " " in self.image or "${" in self.image:
            raise ValueError(f"image: a plain reference without blanks, not {self.image!r}")
        if problem := addresses.fault(self.store):
            raise ValueError(f"store: not {addresses.shown(self.store)}: {problem}; {addresses.HINT}")
        if not self.store.startswith("s3://") or not self.bucket:
            raise ValueError(f"store: s3:// and a bucket, which state machines can read, not {self.store!r}")
        if self.tracker is not None and (fault := addresses.fault_of_tracker(self.tracker)):
            raise ValueError(f"tracker: {fault}")
        if self.name is not None and (not _NAME.fullmatch(self.name) or len(self.name) > MAX_NAME):
            raise ValueError(f"name: at most {MAX_NAME} letters, digits, '-' and '_', not {self.name!r}")
        if self.job_queue is not None and self.compute != "batch":
            raise ValueError("job_queue: is an option of --compute batch")
        if self.cluster is not None and self.compute != "ecs":
            raise ValueError("cluster: is an option of --compute ecs")
        if not SecretSetting.is_valid(self.secrets):
            raise ValueError(f"secrets: {SecretSetting.expected(self.secrets)}, not {self.secrets!r}")
        for name in ("parallelism", "deadline_seconds"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name}: at least 1, not {value}")
        try:
            check_tags(self.tags)
        except TagError as error:
            raise ValueError(f"tags: {error}") from None

    @property
    def bucket(self) -> str:
        """The name of the store's bucket."""
        return self.store.removeprefix("s3://").partition("/")[0]

    @property
    def prefix(self) -> str:
        """The prefix that all keys of the store have in its bucket. It ends in a slash, or is empty."""
        prefix = self.store.removeprefix("s3://").partition("/")[2].strip("/")
        return f"{prefix}/" if prefix else ""


def machine_settings(values: Mapping[str, object]) -> MachineSettings:
    """Return the settings with the given values of options.

    Raises:
        ValueError: AWS would refuse a value.
    """
    return MachineSettings(**values)  # type: ignore[arg-type]  # click has converted the values
