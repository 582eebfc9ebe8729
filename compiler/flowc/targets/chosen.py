"""The settings `pickler`, `tracker` and `catalog` for pods: checks, and the environment variables by which pods get
them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from flowc.targets.deployment import TargetError
from flowc_runtime.base import addresses, contract
from flowc_runtime.base.config.config_keys import PLUGIN_SETTINGS
from flowc_runtime.run.plugin_settings import check_plugins

if TYPE_CHECKING:
    from flowc_ir import Flow


class PodChoices(Protocol):
    """The settings of a target that pods read from environment variables."""

    @property
    def catalog(self) -> str:
        """The setting `catalog`."""
        ...

    @property
    def pickler(self) -> str:
        """The setting `pickler`."""
        ...

    @property
    def secrets(self) -> str:
        """The setting `secrets`."""
        ...

    @property
    def tracker(self) -> str | None:
        """The setting `tracker`; None if the setting has no value."""
        ...


def environment_of(settings: PodChoices) -> dict[str, str]:
    """Return the environment variables that pass these settings to pods; a setting that has its default gets no
    variable."""
    found: dict[str, str] = {}
    if settings.catalog != "store":
        found[contract.CATALOG] = settings.catalog
    if settings.pickler != "pickle":
        found[contract.PICKLER] = settings.pickler
    if settings.tracker is not None and settings.tracker != addresses.NO_TRACKER:
        found[contract.TRACKER] = settings.tracker
    return found


def check_installed(settings: PodChoices) -> None:
    """Check that all plugins that the settings name exist, even if the flow does not need them.

    Raises:
        ConfigurationError: a setting names a plugin that is not installed.
    """
    check_plugins({key: getattr(settings, key) for key in PLUGIN_SETTINGS})


def check_catalog(name: str, flow: Flow) -> None:
    """The setting `catalog` chooses where the files of steps are kept. Check that its value allows the flow's steps to
    pass files to each other in pods.

    Raises:
        TargetError: a step reads files of earlier steps, but with this value of the setting no files are kept.
    """
    getting = next((node.id for node in flow.nodes if node.files is not None and node.files.get), None)
    if name == "none" and getting is not None:
        raise TargetError(
            f"step '{getting}' gets files, but the setting catalog = \"none\" keeps none, and pods share no directory",
            "keep files in the store: FLOWC_CATALOG=store",
        )
