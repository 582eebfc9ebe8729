"""Splits the arguments of a command that runs a flow: into FLOW, flowc's options and the flow's parameters.

A flow's parameter may have the same name as an option that only flowc has, not Metaflow. If both have the same name,
the name means the parameter after FLOW, and the option before FLOW. (For `python flow.py`, "after FLOW" means after the
command.) Names that differ only in `-` and `_` count as equal. A parameter's option always has two dashes. A parameter
never replaces an option of Metaflow: no parameter can have the name of an option of `run` (`METAFLOW_OPTIONS`), and
`RunKind.keeps` lists the options of other commands that a parameter cannot replace.
"""

from __future__ import annotations

from contextlib import suppress
from copy import copy
from typing import TYPE_CHECKING, final

import click

from flowc.cli.options.definitions import BEFORE_COMMAND, PREFIX, RUN_OPTIONS, TOP_OPTIONS, split_top
from flowc.opening import parse, with_class
from flowc_ir.late.namedtuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from flowc.cli.options.common import Top

# The options that affect the loading of the flow. The values of these options are read before the flow's parameters are
# known.
_EARLY = ("decospecs", "branch", "production", "config", "config_value", "cache", "store_url", "package_suffixes")


class Line(NamedTuple):
    """The arguments of a command line, split into those before FLOW, FLOW itself (`file`), and those after FLOW."""

    before: list[str]
    file: str | None
    behind: list[str]


class Names(NamedTuple):
    """The names of the flow's parameters (`taken`), and the names of those parameters that are flags without a value
    (`flags`)."""

    taken: frozenset[str]
    flags: frozenset[str] = frozenset()


NO_NAMES = Names(frozenset())


class Early(NamedTuple):
    """The values of options that are read before the flow is loaded."""

    top: Top
    more: dict[str, object]  # values of options that are not in `Top`: the store, and this command's own options


def name_of(option: str) -> str:
    """Return the name of an option in the form for comparisons: without leading dashes, and with `_` for `-`."""
    return option.lstrip("-").replace("-", "_")


def _yields(option: str, names: Names) -> bool:
    """Return whether an option after FLOW is a parameter of the flow: it has two dashes and a parameter's name."""
    return option.startswith("--") and name_of(option) in names.taken


def _is_help(spelling: str, names: Names) -> bool:
    """Return whether an option is the option for help: `-h`, or `--help` if no parameter has the name `help`."""
    return spelling == "-h" or (spelling == "--help" and "help" not in names.taken)


@final
class CommandWords:
    """The arguments of one command line, parsed with the options that flowc defines for the command.

    `own` is true for `python flow.py`. `command` is the command's name.
    """

    def __init__(
        self, ctx: click.Context, words: Sequence[str], options: Sequence[click.Option], *, own: bool, command: str
    ) -> None:
        self._ctx = ctx
        self._options = options
        self._known = {name: option for option in options for name in (*option.opts, *option.secondary_opts)}
        self._place = command if own else "FLOW"
        self._before = f" (before {self._place})"
        self.line = Line([*ctx.meta.get(BEFORE_COMMAND, ())], None, [*words]) if own else self._split(words)

    def _split(self, words: Sequence[str]) -> Line:
        """Split the arguments at FLOW, the first argument that is neither an option nor an option's value.

        An unknown option before FLOW is assumed to be a parameter, and to have one value.
        """
        at = 0
        for _, part in self._parts(words, NO_NAMES):
            if not part[0].startswith("-"):
                return Line([*words[:at]], part[0], [*words[at + 1 :]])
            at += len(part)
        return Line([*words], None, [])

    def _parts(self, words: Sequence[str], names: Names) -> Iterator[tuple[click.Option | None, Sequence[str]]]:
        """Yield the arguments before the argument `--`, each option together with its values.

        Each result is a pair. The first item of the pair is flowc's option, or None if the argument is not one of
        flowc's options. The second item is a list of the argument and the values that follow it.
        """
        at = 0
        while at < len(words) and words[at] != "--":
            spelling, equals, _ = words[at].partition("=")
            option = None if _yields(spelling, names) else self._known.get(spelling)
            length = 1
            if option is not None:
                length += 0 if option.is_flag else option.nargs - bool(equals)
            elif spelling.startswith("-") and not equals:
                alone = name_of(spelling) in names.flags or _is_help(spelling, names)
                length += not alone
            yield option, words[at : at + length]
            at += length

    def early(self, names: Names) -> Early:
        """Return the values of options that affect loading. After FLOW, an option with a parameter's name is ignored.

        Args:
            names: the names of the flow's parameters.

        Raises:
            click.UsageError: a value is missing or wrong.
        """
        wanted = self._early()
        found: list[str] = []
        for option, part in self._parts(self.line.before, NO_NAMES):
            found += self._marked(part, names) if option in wanted else ()
        for option, part in self._parts(self.line.behind, names):
            found += part if option in wanted else ()
        values = self._parsed(wanted, found, names)
        others = {name: values.pop(name) for name in ("store_url", *self._of_command())}
        return Early(split_top(values), others)

    def behind(self, names: Names) -> frozenset[str]:
        """Return the names of flowc's options after FLOW that affect loading, if the flow's parameters are `names`."""
        wanted = [*self._early(), *(option for option in self._options if option.name == "class_name")]
        parts = self._parts(self.line.behind, names)
        return frozenset(name_of(part[0].partition("=")[0]) for option, part in parts if option in wanted)

    def _early(self) -> list[click.Option]:
        """Return the options whose values are read before the flow is loaded."""
        return [option for option in self._options if option.name in _EARLY or option.name in self._of_command()]

    def _of_command(self) -> list[str]:
        """Return the names of the options that only this command has, not the other commands that run a flow."""
        shared = {option.name for option in (*RUN_OPTIONS, *TOP_OPTIONS)}
        return [str(option.name) for option in self._options if option.name not in shared]

    def _parsed(self, options: Sequence[click.Option], words: list[str], names: Names) -> dict[str, object]:
        command = click.Command("run", params=[*self.yielding(options, names)])
        prefix = f"{PREFIX}_RUN"
        with command.make_context(
            self._ctx.info_name, words, parent=self._ctx.parent, auto_envvar_prefix=prefix
        ) as inner:
            return dict(inner.params)

    def foreseen_start(self) -> str:
        """Return the value of `--start`, assuming that no parameter is called `start`, or `auto` for an invalid
        value."""
        try:
            words = [*self._of(self.line.before, "start", NO_NAMES), *self._of(self.line.behind, "start", NO_NAMES)]
            return str(self._one("start", words))
        except click.ClickException:  # the final parse, after the flow is loaded, reports an invalid value
            return "auto"

    def foreseen_mock(self) -> bool:
        """Return whether `--mock` is given, assuming that no parameter is called `mock`."""
        return any(self._of(part, "mock", NO_NAMES) for part in (self.line.before, self.line.behind))

    def foreseen_errors(self) -> None:
        """Apply `--error-format` before the flow is loaded, because loading may report faults.

        The method assumes that no parameter has the name `error-format`; the final parse corrects a wrong assumption.
        """
        given = [self._of(part, "error_format", NO_NAMES) for part in (self.line.before, self.line.behind)]
        # The empty list makes click read the environment variable. The option before FLOW replaces this value, and the
        # option after FLOW replaces both.
        for words in ([], *filter(None, given)):
            with suppress(click.ClickException):  # the final parse, after the flow is loaded, reports a wrong value
                self._one("error_format", words)

    def class_before(self) -> str | None:
        """Return the class that the option `--flow` before FLOW names, or None."""
        return self._class(self._of(self.line.before, "class_name", NO_NAMES))

    def code_before(self) -> str | None:
        """Return the value of `--code` before FLOW, or None. After FLOW, `--code` may be a parameter of the flow."""
        place = self._one("code_place", self._of(self.line.before, "code_place", NO_NAMES))
        return None if place is None else str(place)

    def class_behind(self, names: Names) -> str | None:
        """Return the class that `--flow` after FLOW names, or None if the option is missing, or is a parameter of the
        flow."""
        return self._class(self._of(self.line.behind, "class_name", names))

    def _class(self, words: list[str]) -> str | None:
        name = self._one("class_name", words)
        return None if name is None else str(name)

    def check_class(self, names: Names) -> None:
        """Check that the names of the class are equal, wherever the command line gives one: in FLOW (`flow.py:Train`),
        by `--flow` before FLOW, and by `--flow` after FLOW.

        Raises:
            OpeningError: two of the names differ.
        """
        behind, file = self.class_behind(names), self.line.file
        if behind is not None and file is not None:
            with_class(with_class(parse(file), self.class_before()), behind)

    def _of(self, words: Sequence[str], option: str, names: Names) -> list[str]:
        """Return the arguments that are an option with this name, or its values."""
        return [word for found, part in self._parts(words, names) if found and found.name == option for word in part]

    def _one(self, option: str, words: list[str]) -> object:
        wanted = [each for each in self._options if each.name == option]
        return self._parsed(wanted, words, NO_NAMES)[option]

    # -- methods that are called when the flow's parameters are known

    def yielding(self, options: Iterable[click.Option], names: Names) -> Iterator[click.Option]:
        """Yield flowc's options; an option with the name of a parameter is renamed to `--name (before FLOW)`.

        No parameter can have a name like `--name (before FLOW)`. Help and errors show the new name, and `final` writes
        the new name into the arguments.
        """
        variables = {name.lower() for name in names.taken}
        for option in options:
            changed = copy(option)
            changed.opts = [self._spelling(each, names) for each in option.opts]
            changed.secondary_opts = [self._spelling(each, names) for each in option.secondary_opts]
            if str(option.name).lower() in variables:  # METAFLOW_RUN_… then sets the parameter, not the option
                changed.allow_from_autoenv = False
            yield changed

    def _spelling(self, option: str, names: Names) -> str:
        return option + self._before if _yields(option, names) else option

    def _marked(self, part: Sequence[str], names: Names) -> list[str]:
        spelling, equals, value = part[0].partition("=")
        return [self._spelling(spelling, names) + equals + value, *part[1:]]

    def help_option(self, names: Names) -> list[click.Option]:
        """Return an option for `--help` before FLOW if a parameter is called `help`, otherwise return no option."""
        if "help" not in names.taken:
            return []

        def show(ctx: click.Context, param: click.Parameter, value: bool) -> None:
            if value:
                click.echo(ctx.get_help(), color=ctx.color)
                ctx.exit()

        return [click.Option([f"--help{self._before}", "asked_for_help"], is_flag=True, is_eager=True,
                             expose_value=False, callback=show, help="Show this message and exit.")]  # fmt: skip

    def help_hint(self) -> str:
        """Return the hint that `--help` shows the help only before FLOW, for a flow with a parameter `help`."""
        return f"Before {self._place} it shows the help."

    def final(self, names: Names) -> list[str]:
        """Return the command-line arguments, in which flowc's options before FLOW are renamed as in `yielding`."""
        words: list[str] = []
        for option, part in self._parts(self.line.before, NO_NAMES):
            ours = option is not None or part[0] == "--help"
            words += self._marked(part, names) if ours else part
        return [*words, *([] if self.line.file is None else [self.line.file]), *self.line.behind]
