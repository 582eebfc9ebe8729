"""The pickler, the tracker and the catalog of the configuration: checks for pods, and the variables that pods read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from flowc.targets.deployment import TargetError
from flowc_ir.late import LateModule
from flowc_runtime.base import addresses, contract

if TYPE_CHECKING:
    from flowc_ir import Flow
    from flowc_runtime.run import catalogs
    from flowc_runtime.run.metrics import tracker
    from flowc_runtime.store.values import picklers
else:  # needed only if a value is not the default
    catalogs = LateModule("flowc_runtime.run.catalogs")
    tracker = LateModule("flowc_runtime.run.metrics.tracker")
    picklers = LateModule("flowc_runtime.store.values.picklers")


class PodChoices(Protocol):
    """The settings of a target that pods read from variables."""

    @property
    def catalog(self) -> str:
        """The setting `catalog`."""
        ...

    @property
    def pickler(self) -> str:
        """The setting `pickler`."""
        ...

    @property
    def tracker(self) -> str | None:
        """The setting `tracker`; None if nothing sets it."""
        ...


def environment_of(settings: PodChoices) -> dict[str, str]:
    """Return the variables of pods for the settings that differ from their defaults."""
    found: dict[str, str] = {}
    if settings.catalog != "store":
        found[contract.CATALOG] = settings.catalog
    if settings.pickler != "pickle":
        found[contract.PICKLER] = settings.pickler
    if settings.tracker is not None and settings.tracker != addresses.NO_TRACKER:
        found[contract.TRACKER] = settings.tracker
    return found


def check_pickler(name: str) -> None:
    """Check the value of the setting `pickler`, which the manifests pass to pods.

    Raises:
        TargetError: no installed package has a pickler of this name.
    """
    if name == "pickle":
        return
    try:
        picklers.check(name)
    except picklers.PicklerError as error:
        raise TargetError(error.message, error.hint) from error


def check_tracker(setting: str | None) -> None:
    """Check the value of the setting `tracker`, which the manifests pass to pods.

    Raises:
        TargetError: there is no such tracker.
    """
    if setting is None:
        return
    try:
        tracker.check_known(setting)
    except tracker.TrackerError as error:
        raise TargetError(error.message, error.hint) from error


def check_catalog(name: str, flow: Flow) -> None:
    """Check the value of the setting `catalog` for a flow whose steps run in pods.

    Raises:
        TargetError: no installed package has a catalog of this name, or steps get files and no catalog keeps them.
    """
    if name == "store" or not any(node.files is not None for node in flow.nodes):
        return
    try:
        catalogs.check_catalog(name)
    except catalogs.UnknownCatalogError as error:
        raise TargetError(str(error), "write it in flowc.toml, or set FLOWC_CATALOG") from error
    getting = next((node.id for node in flow.nodes if node.files is not None and node.files.get), None)
    if name == "none" and getting is not None:
        raise TargetError(
            f"step '{getting}' gets files, but the setting catalog = \"none\" keeps none, and pods share no directory",
            "keep files in the store: FLOWC_CATALOG=store",
        )
