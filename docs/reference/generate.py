"""Generate the Markdown pages of this directory from the tables of options, decorators, settings and error codes in the
code.

`make reference` runs this program. A test compares the committed pages with the pages that this program generates.
"""

from __future__ import annotations

import ast
import itertools
import re
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from flowc.cli import COMMANDS, FLOW_COMMANDS, context_of, flowc_group
from flowc.cli.commands.flows.run import RunCommand
from flowc.cli.flow_file.group import flow_group
from flowc.cli.words.exit_codes import EXIT_CODES, EXIT_CODES_OF
from flowc.cli.words.run_help import COMPATIBILITY
from flowc.frontends.metaflow.decorators.environments import TABLES
from flowc.frontends.metaflow.decorators.flow_decorators import FLOW_DECORATORS, FLOW_TABLES
from flowc.frontends.metaflow.decorators.policies import STEP_DECORATORS
from flowc_ir import codes
from flowc_runtime.base.config import settings
from flowc_runtime.base.config.config_keys import SETTINGS, Setting
from flowc_runtime.base.config.pod_tables import KEYS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from flowc.frontends.metaflow.decorators.reader import ArgumentKind
    from flowc_runtime.base.config.pod_tables import PodKey

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NOTE = "<!-- Made by docs/reference/generate.py: `make reference` writes this page. -->\n"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; columns whose cells are all empty are omitted."""
    found = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    kept = [at for at in range(len(heads)) if any(row[at] for row in found)]
    lines = [[heads[at] for at in kept], ["---"] * len(kept), *([row[at] for at in kept] for row in found)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def code(text: object) -> str:
    """Return a text as Markdown code, in backticks; return an empty string for None or an empty text."""
    return f"`{text}`" if text not in ("", None) else ""


# -- commands ----------------------------------------------------------------------------------------------------------


def commands_page() -> str:
    """Return the page about the commands of `flowc` and the commands of a flow's own file, `python flow.py COMMAND`."""
    texts = [
        f"# Commands\n\n{NOTE}",
        "`flowc COMMAND --help` (or `-h`) prints the same. A variable in a table sets the option, and so can\n"
        "`flowc.toml`: [settings](settings.md). Words in capitals are placeholders for values: FLOW is a\n"
        "Python file or a module, FLOW/RUN is a run as `flowc runs` prints it.\n",
        f"## Exit codes\n\n{table(['code', 'meaning'], EXIT_CODES.items())}",
        "If an exit code has a more specific meaning for a command, the section of the command describes it.\n",
    ]
    for name in COMMANDS:
        texts += command_texts("flowc", flowc_group(), name, 2)
    texts.append(
        "## A flow's own file\n\n`python flow.py COMMAND` runs the commands of the flow in the file. Without\n"
        "COMMAND, `python flow.py` checks the flow. These options may precede COMMAND:\n"
    )
    group = flow_group()
    texts.append(options_table(group.params))
    for name in FLOW_COMMANDS:
        texts += command_texts("python flow.py", group, name, 3)
    return "\n".join(text for text in texts if text)


def command_texts(program: str, group: click.Group, name: str, level: int) -> Iterator[str]:
    """Yield the Markdown texts about a command and about its subcommands."""
    context = context_of(group, name=program, flow=None if program == "flowc" else type)
    command = group.get_command(context, name)
    assert command is not None
    inner = context_of(command, context, name=name)
    full = inner.command_path
    yield f"{'#' * level} `{full}`\n"
    yield f"{_help(command)}\n"
    if not isinstance(command, click.Group):
        params = _params(command, inner, own=program != "flowc")
        arguments = [param for param in params if isinstance(param, click.Argument)]
        words = [word for argument in arguments for word in argument.get_usage_pieces(inner)]
        yield f"```\n{' '.join([full, *words])} [OPTIONS]\n```\n"
        yield options_table(params)
    if own := EXIT_CODES_OF.get(full.removeprefix("python flow.py ").removeprefix("flowc ")):
        yield f"Exit codes:\n\n{table(['code', 'meaning'], own.items())}"
    if isinstance(command, click.Group):
        for below in command.list_commands(inner):
            yield from command_texts(full, command, below, level + 1)


def _help(command: click.Command) -> str:
    """Return the help text of a command as Markdown, without the line breaks that it has in a terminal."""
    text = textwrap.dedent(command.help or "").strip()
    return "\n\n".join(
        f"```\n{part.removeprefix(chr(8)).strip()}\n```" if part.startswith("\b") else " ".join(part.split())
        for part in re.split(r"\n\s*\n", text)
    )


def _params(command: click.Command, context: click.Context, *, own: bool) -> list[click.Parameter]:
    """Return the click parameters of a command. If `own` is true, the command is one of `python flow.py …`, otherwise
    of `flowc`."""
    return command.known_params(own=own) if isinstance(command, RunCommand) else command.get_params(context)


class Option(NamedTuple):
    """The cells of the row that describes one command-line option."""

    names: str
    value: str
    default: str
    variable: str
    text: str


def options_table(params: Sequence[click.Parameter]) -> str:
    """Return a table of a command's options, followed by a table of the options for compatibility with Metaflow."""
    options = (param for param in params if isinstance(param, click.Option) and not param.hidden)
    shown = [param for param in options if not {"--help", "--version"}.intersection(param.opts)]
    of_run = any(param.name == "pylint" for param in params)
    metaflow = [param for param in shown if of_run and param.name in COMPATIBILITY]
    heads = ["option", "value", "default", "variable", "what it does"]
    own = [param for param in shown if param not in metaflow]
    text = table(heads, map(_option, own)) if own else ""
    if metaflow:
        text += f"\nFor compatibility with Metaflow:\n\n{table(heads, map(_option, metaflow))}"
    return text


def _option(param: click.Option) -> Option:
    text = param.help or ""
    text, variables = _taken(text, r"\s*\[(\$\w+(?:, \$\w+)*)\]")
    names = variables.replace("$", "").split(", ")
    text, default = _taken(text, r"\s*\[default: ([^\]]*)\]")
    if not default and not param.is_flag and param.default not in (None, ()) and isinstance(param.default, (str, int)):
        default = code(param.default)
    for setting in (each for each in SETTINGS if each.variable in names and not default):
        default = setting.without if setting.default is None else code(setting.default)
    words = ", ".join(code(name) for name in (*param.opts, *param.secondary_opts))
    return Option(words, _value(param), default, ", ".join(map(code, names)), text)


def _taken(text: str, pattern: str) -> tuple[str, str]:
    """Return a text without the first match of a pattern, and the first group of this match."""
    found = re.search(pattern, text)
    return (text, "") if found is None else (text[: found.start()] + text[found.end() :], found[1])


def _value(param: click.Option) -> str:
    if param.is_flag or param.count:
        return ""
    if isinstance(param.type, click.Choice):
        return ", ".join(code(choice) for choice in param.type.choices)
    if param.metavar and re.fullmatch(r"[a-z0-9|]+|\w*Sidecar\w*", param.metavar):
        return ", ".join(code(word) for word in param.metavar.split("|"))
    words = (param.metavar or str(param.name).upper()).replace("|", " or ")
    least = getattr(param.type, "min", None)
    return f"{words}, at least {least}" if least is not None else words


# -- decorators --------------------------------------------------------------------------------------------------------

SOURCES = ("sdk/metaflow/decorators.py", "sdk/metaflow/_flow_decorators.py", "sdk/metaflow/environments.py",
           "sdk/metaflow/backends.py", "compiler/flowc/steps.py")  # fmt: skip


class Decorator(NamedTuple):
    """A decorator of the API, as its module declares it: name, docstring, targets, arguments and their types."""

    name: str
    module: str
    about: str
    targets: Mapping[str, str]
    arguments: Mapping[str, str]
    types: Mapping[str, tuple[str, str]]  # the type and the default of each argument, by its name


def declared() -> Iterator[Decorator]:
    """Yield the decorators that the modules `SOURCES` declare, in the order of their declarations."""
    for source in SOURCES:
        typed: dict[str, dict[str, tuple[str, str]]] = {}
        for node in ast.parse((ROOT / source).read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
                continue
            if any(isinstance(each, ast.Name) and each.id == "overload" for each in node.decorator_list):
                typed.setdefault(node.name, {}).update(_types(node.args))
            elif (text := ast.get_docstring(node)) and "\nTargets:" in text:
                module = "flowc.steps" if source.startswith("compiler") else "metaflow"
                about = text.partition("\nTargets:")[0].strip()
                yield Decorator(node.name, module, about, _section(text, "Targets"), _section(text, "Args"),
                                typed.get(node.name, {}))  # fmt: skip


def _types(arguments: ast.arguments) -> dict[str, tuple[str, str]]:
    return {
        arg.arg: (
            ast.unparse(arg.annotation) if arg.annotation else "",
            ast.unparse(default) if default else "required",
        )
        for arg, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    }


def _section(text: str, name: str) -> dict[str, str]:
    """Return the entries of a section of a docstring, such as `Args`: descriptions by name."""
    found = re.search(rf"^{name}:\n((?: .*\n?|\n(?= ))*)", text, re.MULTILINE)
    entries: dict[str, str] = {}
    for line in textwrap.dedent(found[1]).splitlines() if found else ():
        if line.startswith(" "):
            entries[[*entries][-1]] += " " + line.strip()
        else:
            key, _, rest = line.partition(": ")
            entries[key] = rest
    return entries


def kinds(name: str) -> Mapping[str, ArgumentKind]:
    """Return the kinds of values that the front end accepts for the arguments of a decorator, by argument name."""
    return {**STEP_DECORATORS, **TABLES, **FLOW_TABLES}.get(name.removesuffix("_base"), {})


def decorators_page() -> str:
    """Return the page about the decorators."""
    found = [*declared()]
    texts = [
        f"# Decorators\n\n{NOTE}",
        "Arguments are given by their names. `local` is a run on this machine, `argo` a flow that is compiled for\n"
        "Argo Workflows. [Decorators](../decorators.md) describes how to write a decorator.\n",
        table(
            ["decorator", "of", *(f"`{target}`" for target in ("local", "argo")), "what it does"],
            (
                [
                    f"[`@{each.name}`](#{each.name})",
                    "flows" if each.name in FLOW_DECORATORS or each.name.endswith("_base") else "steps",
                    each.targets["local"],
                    each.targets["argo"],
                    first_sentence(each.about),
                ]
                for each in found
            ),
        ),
    ]
    for each in found:
        texts.append(f"## `@{each.name}`\n\n{_paragraphs(each.about)}\n")
        if each.module != "metaflow":
            texts.append(f"`from {each.module} import {each.name}`\n")
        texts.append(f"- `local`: {each.targets['local']}\n- `argo`: {each.targets['argo']}\n")
        if each.types:
            rows = (_argument(each, name, *typed) for name, typed in each.types.items())
            texts.append(table(["argument", "type", "default", "what it is"], rows))
        elif names := kinds(each.name):
            texts.append(f"Arguments, checked by their names only: {', '.join(map(code, names))}.\n")
    return "\n".join(texts)


def first_sentence(text: str) -> str:
    """Return the first sentence of a text, or its part before the first colon or semicolon."""
    return re.split(r"(?<=\.) |[:;] ", " ".join(text.split()))[0].removesuffix(".") + "."


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


# If the description of an argument's kind begins with one of these texts, the page shows the description, because it
# has more information than the argument's type.
TELLING = ("one of", "a dict", "a list of dicts", "a value that JSON", "'nvidia'")


def _argument(decorator: Decorator, name: str, kind: str, default: str) -> list[str]:
    known = kinds(decorator.name).get(name)  # None: not checked, since an extension may replace the class
    words = known.words if known is not None else "anything"
    text = decorator.arguments[name]
    if words.startswith(TELLING):
        text += f" Takes {words}."
    return [code(name), code(kind), default if default == "required" else code(default), text]


# -- settings ----------------------------------------------------------------------------------------------------------

VALUES = {"text": "text", "number": "whole number", "place": "directory or URL", "source": "source of secrets"}
CONTRACT = ROOT / "runtime_image/flowc_runtime/base/contract.py"


def setting_row(setting: Setting) -> list[str]:
    """Return the cells of the row about one setting."""
    value = ", ".join(map(code, setting.choices)) or VALUES[setting.type]
    default = setting.without if setting.default is None else code(setting.default)
    names = ", ".join(map(code, (setting.variable, *setting.metaflow)))
    return [code(setting.key), value, default, names, setting.option, setting.help]


def pod_row(name: str, key: PodKey) -> list[str]:
    """Return the cells of the row about one key of the configuration tables `[defaults]` and `[overrides.NAME]`."""
    return [code(name), "yes" if key.merged else "", code(key.example), key.help]


def settings_page() -> str:
    """Return the page about the settings and the environment variables."""
    metaflow = {
        **{f"{name}": f"One of {', '.join(map(code, values))}." for name, (values, _) in settings.CHOICES.items()},
        **settings.READ,
        **{f"{prefix}{'…' if prefix.endswith('_') else ''}": text for prefix, text in settings.READ_PREFIXES.items()},
    }
    return "\n".join([
        f"# Settings and environment variables\n\n{NOTE}",
        "[Settings](../configuration.md) describes the configuration file, and the order of precedence.\n",
        "## Settings\n",
        table(["setting", "value", "default", "variable", "option", "what it does"], map(setting_row, SETTINGS)),
        "## Defaults and overrides of steps\n",
        "The keys of `[defaults]`, `[overrides.NAME]` and `[steps.FLOW.STEP]` in the configuration file; the last one\n"
        "also has `override = \"NAME\"`. A merged value is a table whose keys are merged one by one with those of the\n"
        "other tables and of the step.\n",
        table(["key", "merged", "example", "what it does"], map(pod_row, KEYS, KEYS.values())),
        "## Variables of Metaflow\n",
        "If a variable of Metaflow is set but has no effect, a command prints a line on stderr that names it. If a\n"
        "variable requests a feature that flowc does not support, the command fails. Most of these variables can also\n"
        "be set in Metaflow's configuration file.\n",
        table(["variable", "what it does"], ([code(f"METAFLOW_{name}"), metaflow[name]] for name in sorted(metaflow))),
        "## Variables of pods\n",
        "The compiler writes these variables into manifests, and the runtime reads them. Users set only\n"
        "`FLOWC_CACHE` and, for commands on their machine, `FLOWC_STORE`.\n",
        table(["variable", "what it is"], documented(str, "FLOWC_|MF_")),
        "## Exit codes of a task's process\n",
        table(["code", "meaning"], documented(int)),
    ])  # fmt: skip


def documented(kind: type, begins: str = "") -> Iterator[list[str]]:
    """Yield a row for each constant of a type in `flowc_runtime/base/contract.py`: its value and its description.

    The description of a constant is the string literal below the constant.
    """
    for node, after in itertools.pairwise(ast.parse(CONTRACT.read_text("utf-8").partition("\n# -- times")[0]).body):
        match node, after:
            case ast.AnnAssign(value=ast.Constant(value=value)), ast.Expr(value=ast.Constant(value=str(text))):
                if isinstance(value, kind) and re.match(begins, str(value)):
                    yield [code(value), " ".join(text.split())]


# -- errors ------------------------------------------------------------------------------------------------------------

CODES = ROOT / "compiler/flowc_ir/codes.py"
ERRORS = ROOT / "docs/errors.md"


def errors_page() -> str:
    """Return the page about the codes of errors and warnings."""
    meanings = dict(
        re.findall(r"^## ([a-z-]+)\n+(.*?)(?=\n\n|\n## |\Z)", ERRORS.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    )
    texts = [
        f"# Codes of errors\n\n{NOTE}",
        "`flowc check`, `run` and `compile` report all faults of a flow at once, each with its code: `error[code]`\n"
        "or, where the flow is valid, `warning[code]`. [Errors](../errors.md) explains each in full.\n",
    ]
    for title, found in grouped_codes():
        rows = ([f"[`{each}`](../errors.md#{each})", "warning" if each in codes.WARNINGS else "error", example(each),
                 " ".join(meanings[each].split())] for each in found)  # fmt: skip
        texts.append(f"## {title}\n\n{table(['code', 'kind', 'as in', 'meaning'], rows)}")
    return "\n".join(texts)


def grouped_codes() -> Iterator[tuple[str, list[str]]]:
    """Yield the groups of error codes: the title, from the comment above the group in codes.py, and the codes."""
    for part in re.split(r"^# ", CODES.read_text("utf-8"), flags=re.MULTILINE)[1:]:
        title = part.partition("\n")[0].partition(":")[0].strip()
        if found := re.findall(r'^[A-Z_]+: Final = "([a-z-]+)"', part, re.MULTILINE):
            yield title[0].upper() + title[1:], found


def example(name: str) -> str:
    """Return an example of an error's message from tests/errors; an empty string if no test has this error code."""
    for path in sorted((ROOT / "tests/errors").glob("*.txt")):
        found = re.search(rf"^(?:error|warning)\[{name}\]: (.*)$", path.read_text("utf-8"), re.MULTILINE)
        if path.stem.partition("+")[0] == name and found:
            return code(found[1].replace("`", "'"))
    return ""


# -- the pages ---------------------------------------------------------------------------------------------------------

PAGES = {
    "commands.md": commands_page,
    "decorators.md": decorators_page,
    "settings.md": settings_page,
    "errors.md": errors_page,
}


def main(directory: Path = HERE) -> None:
    """Generate all pages of the reference and write them to a directory."""
    for name, page in PAGES.items():
        (directory / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
