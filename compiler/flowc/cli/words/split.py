"""The words of a command that runs a flow: the place of FLOW, and which options are flowc's or the flow's parameters.

One rule holds for every option of flowc. After FLOW (in a flow's own file, after the command), a parameter takes
precedence over flowc's option of the same name, which is then only accepted before FLOW (before the command). Names
that differ only in `-` and `_` are the same; a parameter's option always has two dashes. Options that Metaflow has too
keep their names: parameters cannot have those of `run` (`METAFLOW_OPTIONS`), and `RunKind.keeps` lists the others.
"""

from __future__ import annotations

from contextlib import suppress
from copy import copy
from typing import TYPE_CHECKING, NamedTuple, final

import click

from flowc.cli.options.definitions import BEFORE_COMMAND, PREFIX, RUN_OPTIONS, TOP_OPTIONS, split_top
from flowc.opening import parse, with_class

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from flowc.cli.options.common import Top

# The values that loading the flow needs, so that they are read before its parameters are known.
_EARLY = ("decospecs", "branch", "production", "config", "config_value", "cache", "store_url", "package_suffixes")


class Line(NamedTuple):
    """The words of a command line: those before FLOW, FLOW itself, and those after it."""

    before: list[str]
    file: str | None
    behind: list[str]


class Names(NamedTuple):
    """The names of the flow's parameters (`taken`); those in `flags` take no value."""

    taken: frozenset[str]
    flags: frozenset[str] = frozenset()


NO_NAMES = Names(frozenset())


class Early(NamedTuple):
    """The values of a command line that are read before the flow is loaded."""

    top: Top
    more: dict[str, object]  # the store, and the values of the options of the command itself


def name_of(option: str) -> str:
    """Return the name by which options and parameters are compared."""
    return option.lstrip("-").replace("-", "_")


def _yields(option: str, names: Names) -> bool:
    """Return whether a parameter of the flow takes the option's spelling, which must have two dashes."""
    return option.startswith("--") and name_of(option) in names.taken


def _is_help(spelling: str, names: Names) -> bool:
    """Return whether a word is an option for help: `--help` may be a parameter, `-h` cannot."""
    return spelling == "-h" or (spelling == "--help" and "help" not in names.taken)


@final
class CommandWords:
    """The words of one command line, read with flowc's options for the command.

    `own` means the command line of a flow's own file; `command` is the command's name.
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
        """Split the words at FLOW: the first word that is neither an option nor an option's value.

        Before it, an unknown option is a parameter's and takes one value.
        """
        at = 0
        for _, part in self._parts(words, NO_NAMES):
            if not part[0].startswith("-"):
                return Line([*words[:at]], part[0], [*words[at + 1 :]])
            at += len(part)
        return Line([*words], None, [])

    def _parts(self, words: Sequence[str], names: Names) -> Iterator[tuple[click.Option | None, Sequence[str]]]:
        """Yield flowc's option (or None) and the words of each part, up to `--`: a word with its values."""
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
        """Read the values that loading the flow needs; an option whose name the flow takes is not flowc's.

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
        """Return the names of flowc's options after FLOW that decide what is loaded, if the flow takes `names`."""
        wanted = [*self._early(), *(option for option in self._options if option.name == "class_name")]
        parts = self._parts(self.line.behind, names)
        return frozenset(name_of(part[0].partition("=")[0]) for option, part in parts if option in wanted)

    def _early(self) -> list[click.Option]:
        """Return the options that are read before the flow is loaded."""
        return [option for option in self._options if option.name in _EARLY or option.name in self._of_command()]

    def _of_command(self) -> list[str]:
        """Return the names of the options that only this command has."""
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
        """Return the value of `--start` on the guess that it is flowc's option in every position; `auto` for a wrong
        one."""
        try:
            words = [*self._of(self.line.before, "start", NO_NAMES), *self._of(self.line.behind, "start", NO_NAMES)]
            return str(self._one("start", words))
        except click.ClickException:  # the final parse reports it, once the flow's parameters are known
            return "auto"

    def foreseen_errors(self) -> None:
        """Apply `--error-format` before the flow is loaded, because loading may report faults.

        The flow may have a parameter of that name; the final parse decides.
        """
        given = [self._of(part, "error_format", NO_NAMES) for part in (self.line.before, self.line.behind)]
        for words in ([], *filter(None, given)):  # the variable, then the option before FLOW, then the one after it
            with suppress(click.ClickException):  # the final parse reports it
                self._one("error_format", words)

    def class_before(self) -> str | None:
        """Return the class in `--flow` before FLOW, or None."""
        return self._class(self._of(self.line.before, "class_name", NO_NAMES))

    def code_before(self) -> str | None:
        """Return the value of `--code` before FLOW, or None; after FLOW the option may be the flow's parameter."""
        place = self._one("code_place", self._of(self.line.before, "code_place", NO_NAMES))
        return None if place is None else str(place)

    def class_behind(self, names: Names) -> str | None:
        """Return the class in `--flow` after FLOW, or None; the option may be the flow's parameter."""
        return self._class(self._of(self.line.behind, "class_name", names))

    def _class(self, words: list[str]) -> str | None:
        name = self._one("class_name", words)
        return None if name is None else str(name)

    def check_class(self, names: Names) -> None:
        """Check that FLOW, `--flow` before it and `--flow` after it name the same class.

        Raises:
            OpeningError: the three name different classes.
        """
        behind, file = self.class_behind(names), self.line.file
        if behind is not None and file is not None:
            with_class(with_class(parse(file), self.class_before()), behind)

    def _of(self, words: Sequence[str], option: str, names: Names) -> list[str]:
        """Return the words of one option."""
        return [word for found, part in self._parts(words, names) if found and found.name == option for word in part]

    def _one(self, option: str, words: list[str]) -> object:
        wanted = [each for each in self._options if each.name == option]
        return self._parsed(wanted, words, NO_NAMES)[option]

    # -- with the flow's own names

    def yielding(self, options: Iterable[click.Option], names: Names) -> Iterator[click.Option]:
        """Yield flowc's options with changed spellings for the names that the flow takes.

        A parameter cannot have such a spelling, `--name (before FLOW)`. Help and errors show it, and `final` writes it.
        """
        variables = {name.lower() for name in names.taken}
        for option in options:
            changed = copy(option)
            changed.opts = [self._spelling(each, names) for each in option.opts]
            changed.secondary_opts = [self._spelling(each, names) for each in option.secondary_opts]
            if str(option.name).lower() in variables:  # METAFLOW_RUN_NAME is the parameter's
                changed.allow_from_autoenv = False
            yield changed

    def _spelling(self, option: str, names: Names) -> str:
        return option + self._before if _yields(option, names) else option

    def _marked(self, part: Sequence[str], names: Names) -> list[str]:
        spelling, equals, value = part[0].partition("=")
        return [self._spelling(spelling, names) + equals + value, *part[1:]]

    def help_option(self, names: Names) -> list[click.Option]:
        """Return the option for `--help` before FLOW if a parameter is called `help`; else click's own applies."""
        if "help" not in names.taken:
            return []

        def show(ctx: click.Context, param: click.Parameter, value: bool) -> None:
            if value:
                click.echo(ctx.get_help(), color=ctx.color)
                ctx.exit()

        return [click.Option([f"--help{self._before}", "asked_for_help"], is_flag=True, is_eager=True,
                             expose_value=False, callback=show, help="Show this message and exit.")]  # fmt: skip

    def help_hint(self) -> str:
        """Return the sentence that says where `--help` shows the help if a parameter is called `help`."""
        return f"Before {self._place} it shows the help."

    def final(self, names: Names) -> list[str]:
        """Return the words for a command whose options are those of `yielding`."""
        words: list[str] = []
        for option, part in self._parts(self.line.before, NO_NAMES):
            ours = option is not None or part[0] == "--help"
            words += self._marked(part, names) if ours else part
        return [*words, *([] if self.line.file is None else [self.line.file]), *self.line.behind]
