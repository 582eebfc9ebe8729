"""Chooses how tasks start: as forks of the process that has imported the flow, or as processes that import the flow
again.

The choice is the value of `--start`, or depends on the effects of the import. docs/adr/0015-starts.md has the rules and
the reasons.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowc.diagnostics import decode
from flowc.frontends.purity.examination import examine
from flowc.frontends.purity.findings import Harm
from flowc.frontends.purity.user_modules import loaded_imports
from flowc_emulator.processes.packages import UNSAFE
from flowc_emulator.processes.process_state import State, is_debugged
from flowc_ir.late import LateFunction
from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.ambient import ambient
from flowc_runtime.base.own_packages import EXTENSIONS_PACKAGE, OWN_PACKAGES
from flowc_runtime.process import origin
from metaflow.decorators import USER_ATTRIBUTE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from flowc.cli.options.loading import Checked
    from flowc_emulator.forkserver.client import ForkServer
    from flowc_emulator.processes.starts import Rule, Starts
    from flowc_runtime.process.origin import ProcessOrigin
else:  # imported at first use: not needed if all tasks are forks
    ForkServer = LateFunction("flowc_emulator.forkserver.client:ForkServer")
    Rule = LateFunction("flowc_emulator.processes.starts:Rule")
    Starts = LateFunction("flowc_emulator.processes.starts:Starts")

STATE = "flowc.state"  # key in a context's `meta`: the `State` of the process before the import of the flow
ORIGIN = "flowc.origin"  # key in a context's `meta`: the `ProcessOrigin` of a `flowc` command
SERVER = "flowc.server"  # key in a context's `meta`: the `ForkServer` that `foresee` has started
_WITH_CARDS = ("metaflow.plugins.cards._task", "markdown_it")  # modules that each task with a card imports
_INSTALLED = ("/site-packages/", "/dist-packages/")
# flowc's own packages, and packages that flowc itself imports.
_OWN = frozenset({*OWN_PACKAGES, EXTENSIONS_PACKAGE, "click", "cloudpickle"})


def state_before() -> State | None:
    """Return the state of this process before the import of the flow, or None if the state was not recorded."""
    context = click.get_current_context(silent=True)
    found: State | None = context.meta.get(STATE) if context is not None else None
    return found


def _origin() -> ProcessOrigin:
    context = click.get_current_context(silent=True)
    found: ProcessOrigin | None = context.meta.get(ORIGIN) if context is not None else None
    return found if found is not None else origin.of_program()


class Verdict(NamedTuple):
    """The effects of a flow's import, which determine whether tasks can be forks of this process.

    Attributes:
        harms: statements in user modules whose effects must not be shared by forks.
        environment: statements in user modules that read environment variables.
        faults: changes in this process that the import caused, such as threads that it started.
        modules: names of other modules, such as installed packages, that user modules import, in order.
        third_parties: the names in `modules` that are not in the standard library.
        unsafe: loaded packages that are not safe to use in a fork.
        sources: the names of the user's modules.
        finalizers: whether a class in the user's modules has a finalizer, `__del__`.
    """

    harms: tuple[Harm, ...]
    environment: tuple[Harm, ...]
    faults: tuple[str, ...]
    modules: tuple[str, ...]
    third_parties: tuple[str, ...]
    unsafe: tuple[str, ...]
    sources: tuple[str, ...]
    finalizers: bool

    @property
    def harmless(self) -> bool:
        """Whether tasks may be forks of this process; tasks of steps with `@environment` also depend on
        `harmless_elsewhere`."""
        return not (self.harms or self.faults or self.unsafe)

    @property
    def harmless_elsewhere(self) -> bool:
        """Whether the import is independent of environment variables.

        Tasks of steps with `@environment` may be forks only if both `harmless` and this property are true.
        """
        return not (self.environment or self.third_parties)


def judge(checked: Checked, before: State | None) -> Verdict:
    """Examine the effects of a flow's import: read the sources of user modules, and compare the states of this process
    before and after the import.

    Args:
        checked: the flow, which has been imported.
        before: the state of this process before the import, or None if unknown.
    """
    flow = checked.flow
    sources, unreadable = _user_modules(checked.cls.__module__, str(checked.package.root))
    purity = examine(sources)
    own = [
        *unreadable,
        *(Harm(flow.code.file, flow.where.line, f"@{plugin.name} runs code of an extension before the steps")
          for plugin in (*flow.plugins, *(each for node in flow.nodes for each in node.plugins))),
    ]  # fmt: skip
    if flow.with_decorators or _has_own_decorators(checked.cls):
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
        sources=tuple(sources),
        finalizers=any("__del__" in text for _, text in sources.values()),
    )


def _is_of_others(name: str, sources: Collection[str]) -> bool:
    """Return whether an imported name, such as `numpy` or `numpy.*`, belongs to a loaded module that is not a user
    module.
    """
    module = name if name in sys.modules else name.rpartition(".")[0]
    return module in sys.modules and module not in sources and name not in sources


def _has_own_decorators(cls: type) -> bool:
    """Return whether a flow's class or its steps have user-defined decorators or mutators."""
    members = [cls, *(value for base in cls.__mro__ for value in vars(base).values())]
    return any(vars(each).get(USER_ATTRIBUTE) for each in members if hasattr(each, "__dict__"))


def foresee(ctx: click.Context, file: Path | None, choice: str) -> None:
    """Start a fork server if tasks will need one. The server starts in parallel with the flow's import in this process.

    The server is needed if `choice` is fresh, or if the flow's file has statements with harmful effects.

    Args:
        ctx: the command's context. The server ends at the end of the context, even if no task has used it.
        file: the flow's file, or None if it is not known.
        choice: the value of `--start`: auto, fork or fresh.
    """
    if file is None or choice == "fork" or not os.path.isfile(file) or (choice == "auto" and is_debugged()):
        return
    if choice == "fresh" or _is_harmful(file):
        began = _origin()
        server = ctx.meta[SERVER] = ForkServer(str(file.resolve().parent), began.environment, began.directory)
        ctx.call_on_close(server.close)


def _is_harmful(file: Path) -> bool:
    try:
        return bool(examine({file.stem: (file.name, file.read_text(encoding="utf-8"))}).harms)
    except (OSError, SyntaxError, ValueError):  # loading the flow later reports the error
        return False


def note_harmless(verdict: Verdict) -> None:
    """Record the user's modules in `ambient().harmless_modules` if their import did nothing but define names."""
    if verdict.harmless and not verdict.finalizers:
        ambient().harmless_modules = frozenset(verdict.sources)


def begin_starts(checked: Checked, choice: str, before: State | None, note: Callable[[str], None]) -> Starts | None:
    """Return the object that starts tasks that import the flow again, or None if all tasks are forks of this process.

    Args:
        checked: the flow, which has been imported.
        choice: the value of `--start`: auto, fork or fresh.
        before: the state of this process before the import, or None if unknown.
        note: a function that prints a note.
    """
    verdict = judge(checked, before)
    note_harmless(verdict)
    if choice == "fork":
        if any("thread" in fault for fault in verdict.faults):
            note("the flow started threads when it was imported; they do not exist in its tasks (--start fork)")
        return None
    if choice == "auto" and is_debugged():
        if not verdict.harmless:
            note("tasks are forks of this process, so that the debugger works in them (--start fresh: it does not)")
        return None
    everywhere = choice == "fresh" or not verdict.harmless
    in_environments = not verdict.harmless_elsewhere
    if not everywhere and not (in_environments and any(node.environment for node in checked.flow.nodes)):
        return None
    modules = (*verdict.modules, *(_WITH_CARDS if any(node.cards for node in checked.flow.nodes) else ()))
    rule = Rule(all=everywhere, in_environments=in_environments, modules=modules)
    server = click.get_current_context().meta.pop(SERVER, None) if everywhere else None
    return Starts(rule, str(checked.package.root), note, _origin(), server=server, debugger=os.isatty(0))


def _user_modules(flow_module: str, root: str) -> tuple[dict[str, tuple[str, str]], list[Harm]]:
    """Return two objects: a dict that maps the name of each loaded user module to (file, source), and a list with a
    `Harm` for each user module whose source cannot be read.

    User modules are the flow's module, the user's modules that it imports, and all modules whose files are below the
    root of the flow's code.
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
            sources[name] = shown, decode(Path(file).read_bytes(), strict=True)
            waiting += [each for each in loaded_imports(name, *sources[name]) if each in sys.modules]
        except (OSError, SyntaxError, ValueError):
            unreadable.append(Harm(shown, 1, "cannot be read as Python, so its effects are not known"))
    return sources, unreadable


def _is_below(name: str, root: str) -> bool:
    file = _file(name)
    return file is not None and file.startswith(f"{root}/") and _is_users(name, file)


def _is_users(name: str, file: str) -> bool:
    if name.partition(".")[0] in _OWN or not file.endswith(".py"):
        return False
    return not any(part in file for part in _INSTALLED) and not file.startswith(_STANDARD)


def _is_third_party(name: str) -> bool:
    if name.partition(".")[0] in _OWN or (file := _file(name)) is None:  # a module of flowc, or built-in
        return False
    return any(part in file for part in _INSTALLED) or (not file.endswith(".py") and not file.startswith(_STANDARD))


_STANDARD = f"{os.path.dirname(os.__file__)}/"
"""The directory of the standard library. `sysconfig` also has this path, but its import is slow."""


def _file(name: str) -> str | None:
    # `getattr(module, …)` is not used: some modules import a submodule when an attribute is read.
    names: dict[str, object] = getattr(sys.modules.get(name), "__dict__", {})
    file = names.get("__file__")
    if file is None:
        try:
            places = names.get("__path__")
            file = next(iter(places), None) if isinstance(places, Iterable) else None
        except KeyError:  # a namespace package whose parent package could not be imported
            return None
    return file if isinstance(file, str) else None
