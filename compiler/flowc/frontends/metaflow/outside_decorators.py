"""Report user-defined decorators whose modules or files are not packaged with the flow."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

from flowc.frontends.metaflow.decorators.plugins import plugin_class
from flowc_ir import codes
from flowc_ir.diagnostic import Faults
from flowc_runtime.run.program import method_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc.package import Package
    from flowc_ir import Flow, Span
    from metaflow.user_decorators.common import UserDecorator


def packing_decorators(flow: Flow, faults: Faults) -> None:
    """Report each decorator of an extension that has a hook to add files to the code package: flowc does not call such
    hooks.

    Args:
        flow: the flow with its plugins.
        faults: collects a fault for each decorator.
    """
    from metaflow._legacy.hooks import PACKAGING

    places = [("flow", flow.where, flow.plugins), *(("step", node.where, node.plugins) for node in flow.nodes)]
    for kind, where, plugins in places:
        for plugin in plugins:
            hooks = [hook for hook in PACKAGING if hasattr(plugin_class(plugin.name, kind), hook)]
            if hooks:
                faults.add(
                    codes.UNSUPPORTED_FEATURE,
                    where,
                    f"@{plugin.name} has the hook {hooks[0]}, whose files are not packaged with the flow",
                    hint="put these files into the image; files of the flow's directory and of extensions are packaged",
                )


def foreign_decorators(cls: type, flow: Flow, package: Package, faults: Faults) -> None:
    """Report each module with user-defined decorators that tasks could not import.

    Tasks can import a module from the code package or from an installed library.

    Args:
        cls: the flow's class.
        flow: the flow.
        package: the package of the flow.
        faults: collects a fault for each module.
    """
    seen: set[str] = set()
    for decorator, where in _decorators(cls, flow):
        module = type(decorator).__module__
        if module not in seen and not _travels(module, package):
            file = getattr(sys.modules.get(module), "__file__", None)
            seen.add(module)
            faults.add(
                codes.UNSUPPORTED_FEATURE,
                where,
                f"the decorator {decorator.decorator_name} is in the module '{module}', which is not packaged "
                "with the flow",
                hint=f"move {file} into the flow's directory, or install it here and in the image",
            )


def _decorators(cls: type, flow: Flow) -> Iterator[tuple[UserDecorator, Span]]:
    if "metaflow.user_decorators.common" not in sys.modules:  # without this import, no such decorator exists
        return
    from metaflow.user_decorators.common import user_decorators

    for owner in cls.__mro__:
        yield from ((decorator, flow.where) for decorator in user_decorators(owner))
    for node in flow.nodes:
        yield from ((decorator, node.where) for decorator in user_decorators(getattr(cls, method_name(node))))


def _travels(module: str, package: Package) -> bool:
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None or module.partition(".")[0] in ("metaflow", "metaflow_extensions"):
        return True
    path = Path(file)
    if any(path == package.root / name for name, _ in package.files):
        return True
    return any(path.is_relative_to(sysconfig.get_path(kind)) for kind in ("purelib", "platlib", "stdlib"))
