"""Whether the tasks of a flow may begin as forks of the process that has imported it: found out, or told by --start.

docs/adr/0015-starts.md says what is found harmless, and why.
"""

from __future__ import annotations

import os
import sys
import tokenize
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from flowc.frontends.purity import Harm, examine
from flowc.frontends.purity_modules import loaded_imports
from flowc_emulator.processes.packages import UNSAFE
from flowc_emulator.processes.process_state import State, is_debugged
from flowc_runtime.base.own_packages import EXTENSIONS_PACKAGE, OWN_PACKAGES
from flowc_runtime.process import origin
from metaflow.decorators import USER_ATTRIBUTE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from flowc.cli.options.loading import Checked
    from flowc_emulator.processes.starts import Starts
    from flowc_runtime.process.origin import ProcessOrigin

STATE = "flowc.state"  # in a context's `meta`: the `State` of the process before the flow was imported
ORIGIN = "flowc.origin"  # in a context's `meta`: the `ProcessOrigin`, where this process is no flow's own
SERVER = "flowc.server"  # in a context's `meta`: the `ForkServer` that `foresee` has started
_INSTALLED = ("/site-packages/", "/dist-packages/")
# Packages of this program, and those that it uses itself.
_OWN = frozenset({*OWN_PACKAGES, EXTENSIONS_PACKAGE, "click", "cloudpickle"})


def state_before() -> State | None:
    """The state that this process was in before it imported the flow, where that was kept."""
    context = click.get_current_context(silent=True)
    found: State | None = context.meta.get(STATE) if context is not None else None
    return found


def _origin() -> ProcessOrigin:
    context = click.get_current_context(silent=True)
    found: ProcessOrigin | None = context.meta.get(ORIGIN) if context is not None else None
    return found if found is not None else origin.of_program()


class Verdict(NamedTuple):
    """Whether an import of a flow is harmless.

    `harms` are statements of the user's modules, `environment` those that read environment variables, `faults` what the
    import left in the process; `modules` are what the user's modules import that is not the user's, in order,
    `third_parties` those of them that are not Python's own, `unsafe` packages that are known not to be shared.
    """

    harms: tuple[Harm, ...]
    environment: tuple[Harm, ...]
    faults: tuple[str, ...]
    modules: tuple[str, ...]
    third_parties: tuple[str, ...]
    unsafe: tuple[str, ...]

    @property
    def harmless(self) -> bool:
        """Whether tasks without an environment of their own may be forks."""
        return not (self.harms or self.faults or self.unsafe)

    @property
    def harmless_elsewhere(self) -> bool:
        """Whether the import does not depend on environment variables."""
        return not (self.environment or self.third_parties)


def judge(found: Checked, before: State | None) -> Verdict:
    """Judge the import of a flow, which this process has just made; it was in the state `before`, if that is known."""
    flow = found.flow
    sources, unreadable = _user_modules(found.cls.__module__, str(found.package.root))
    purity = examine(sources)
    own = [
        *unreadable,
        *(Harm(flow.code.file, flow.where.line, f"@{plugin.name} runs code of an extension before the steps")
          for plugin in (*flow.plugins, *(each for node in flow.nodes for each in node.plugins))),
    ]  # fmt: skip
    if flow.with_decorators or _has_own_decorators(found.cls):
        own.append(Harm(flow.code.file, flow.where.line, "has decorators or mutators that run code before the steps"))
    modules = tuple(name for name in purity.imports if _is_of_others(name, sources))
    packages = dict.fromkeys(name.partition(".")[0] for name in list(sys.modules))
    return Verdict(
        harms=(*purity.harms, *own),
        environment=purity.environment,
        faults=tuple(State.now().since(before or State.clean())),
        modules=modules,
        third_parties=tuple(name for name in modules if _is_third_party(name)),
        unsafe=tuple(name for name in packages if name in UNSAFE),
    )


def _is_of_others(name: str, sources: Collection[str]) -> bool:
    """Whether an import, such as `numpy`, `numpy.random`, `numpy.array` or `numpy.*`, is of a module not the user's."""
    module = name if name in sys.modules else name.rpartition(".")[0]
    return module in sys.modules and module not in sources and name not in sources


def _has_own_decorators(cls: type) -> bool:
    """Whether a flow's class or its steps have decorators or mutators of the user's own."""
    members = [cls, *(value for base in cls.__mro__ for value in vars(base).values())]
    return any(vars(each).get(USER_ATTRIBUTE) for each in members if hasattr(each, "__dict__"))


def foresee(ctx: click.Context, file: Path | None, choice: str) -> None:
    """Start a fork server now if it is known already that one is needed: it starts while the flow is imported.

    That is asked for by `choice`, which is auto, fork or fresh, or shown by the flow's file alone.

    It is ended with the context `ctx`, whether it was used or not.
    """
    if file is None or choice == "fork" or not os.path.isfile(file) or (choice == "auto" and is_debugged()):
        return
    if choice == "fresh" or _is_harmful(file):
        from flowc_emulator.forkserver.client import ForkServer

        began = _origin()
        server = ctx.meta[SERVER] = ForkServer(str(file.resolve().parent), began.environment, began.directory)
        ctx.call_on_close(server.close)


def _is_harmful(file: Path) -> bool:
    try:
        return bool(examine({file.stem: (file.name, file.read_text(encoding="utf-8"))}).harms)
    except (OSError, SyntaxError, ValueError):  # told when the flow is loaded
        return False


def begin_starts(found: Checked, choice: str, before: State | None, note: Callable[[str], None]) -> Starts | None:
    """What starts the tasks that import the flow anew; None if all are forks. `choice` is auto, fork or fresh."""
    verdict = judge(found, before)
    if choice == "fork":
        if any("thread" in fault for fault in verdict.faults):
            note("the flow started threads when it was imported; they do not exist in its tasks (--start fork)")
        return None
    if choice == "auto" and is_debugged():
        if not verdict.harmless:
            note("tasks are forks of this process, so that its debugger reaches them (--start fresh: they are not)")
        return None
    everywhere = choice == "fresh" or not verdict.harmless
    in_environments = not verdict.harmless_elsewhere
    if not everywhere and not (in_environments and any(node.environment for node in found.flow.nodes)):
        return None
    from flowc_emulator.processes.starts import Rule, Starts

    rule = Rule(all=everywhere, in_environments=in_environments, modules=verdict.modules)
    server = click.get_current_context().meta.pop(SERVER, None) if everywhere else None
    return Starts(rule, str(found.package.root), note, _origin(), server=server, debugger=os.isatty(0))


def _user_modules(flow_module: str, root: str) -> tuple[dict[str, tuple[str, str]], list[Harm]]:
    """The user's modules that are imported: file and source by name; and those without a source that can be read.

    They are the flow's, what that imports, and what else is loaded from the root of the flow's code.
    """
    sources: dict[str, tuple[str, str]] = {}
    unreadable: list[Harm] = []
    waiting = [flow_module, *(name for name in list(sys.modules) if _is_below(name, root))]
    while waiting:
        name = waiting.pop()
        file = _file(name)
        if name in sources or file is None or not _is_users(name, file):
            continue
        shown = os.path.relpath(file, root) if file.startswith(f"{root}/") else file
        try:
            with tokenize.open(file) as opened:
                sources[name] = shown, opened.read()
            waiting += [each for each in loaded_imports(name, *sources[name]) if each in sys.modules]
        except (OSError, SyntaxError, ValueError):
            unreadable.append(Harm(shown, 1, "cannot be read as Python, so what it does is not known"))
    return sources, unreadable


def _is_below(name: str, root: str) -> bool:
    file = _file(name)
    return file is not None and file.startswith(f"{root}/") and _is_users(name, file)


def _is_users(name: str, file: str) -> bool:
    if name.partition(".")[0] in _OWN or not file.endswith(".py"):
        return False
    return not any(part in file for part in _INSTALLED) and not file.startswith(_STANDARD)


def _is_third_party(name: str) -> bool:
    if name.partition(".")[0] in _OWN or (file := _file(name)) is None:  # flowc's, or built into the interpreter
        return False
    return any(part in file for part in _INSTALLED) or (not file.endswith(".py") and not file.startswith(_STANDARD))


_STANDARD = f"{os.path.dirname(os.__file__)}/"
"""The directory of Python's own modules; `sysconfig`, which knows it too, takes long to import."""


def _file(name: str) -> str | None:
    # Not getattr(module, …): some modules import what they are asked for.
    names: dict[str, Any] = getattr(sys.modules.get(name), "__dict__", {})
    file = names.get("__file__")
    if file is None:
        try:
            file = next(iter(names.get("__path__", ())), None)
        except KeyError:  # a namespace package that has lost its parent, whose import failed
            return None
    return file if isinstance(file, str) else None
