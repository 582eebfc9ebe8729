"""The commands of a flow's own file: exit codes, stdout and stderr, which are equal under flowc and Metaflow.

The programs in `client/` and `runner/` are run as well; they check their results themselves.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from compat.cases import HERE
from compat.runs import make_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from compat.runs import Program

FLOW = HERE / "client" / "flow.py"


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command `python flow.py WORDS…` after a run of the flow; RUN in `words` stands for the run's id."""

    words: str
    code: int = 0
    out: tuple[str, ...] = ()
    """Texts on stdout."""
    err: tuple[str, ...] = ()
    """Texts that must be on stderr and not on stdout."""


COMMANDS = (
    Command(
        words="--help",
        out=("check", "dump", "logs", "output-dot", "output-raw", "resume", "run", "show", "spin", "tag"),
    ),
    Command(
        words="--help", out=("--metadata", "--datastore", "--environment", "--with", "--quiet", "--package-suffixes")
    ),
    Command(
        words="run --help",
        out=("--alpha", "--max-workers", "--max-num-splits", "--run-id-file", "--tag", "--namespace"),
    ),
    Command(words="resume --help", out=("--origin-run-id", "--run-id-file", "--tag")),
    Command(words="dump --help", out=("--private", "--max-value-size", "--include", "--file")),
    Command(words="tag --help", out=("add", "list", "remove", "replace")),
    Command(words="help", out=("run", "show")),
    Command(words="version"),
    Command(words="check"),
    Command(words="show", err=("Doc of the flow.",), out=("Step start", "Step each", "=> join")),
    Command(words="output-dot", out=("digraph", "start -> each", "join -> end")),
    Command(words="run --alpha 4"),
    Command(words="run --fail True", code=1),
    Command(words="run --alpha x", code=2, err=("--alpha",)),
    Command(words="run --unknown 1", code=2, err=("--unknown", "o such option")),
    Command(words="run --alpha", code=2, err=("--alpha",)),
    Command(words="run --with nowhere", code=1, err=("nowhere",)),
    Command(words="--with retry:tims=1 run", code=1, err=("tims",)),
    Command(words="unknown", code=2, err=("No such command",)),
    Command(words="--unknown run", code=2, err=("--unknown",)),
    Command(words="--metadata nowhere run", code=2, err=("--metadata",)),
    Command(words="--datastore nowhere run", code=2, err=("--datastore",)),
    Command(words="dump RUN/start", out=("items", "['a', 'b', 'c']", "alpha")),
    Command(words="dump RUN/start --include items", out=("items",)),
    Command(words="dump RUN/start --max-value-size 0", out=("items",)),
    Command(words="dump RUN/each", out=("letter", "A", "B", "C")),
    Command(words="dump RUN/start --include items,nowhere", out=("items",)),
    Command(words="dump RUN/start --include nowhere", out=()),
    Command(words="dump RUN/nowhere"),
    Command(words="dump 0/start"),
    Command(words="dump RUN/start/9999", code=1),
    Command(words="dump RUN", code=1),
    Command(words="dump", code=2),
    Command(words="--quiet logs RUN/start --stdout", out=("hello out",)),
    Command(words="--quiet logs RUN/start --stderr", out=("hello err",)),
    Command(words="--quiet logs RUN/each --stdout", out=("attempt 1", "attempt 0")),
    Command(words="logs RUN/start --stdout --attempt 7"),
    Command(words="logs RUN/nowhere", code=1),
    Command(words="logs RUN/start/9999", code=1),
    Command(words="logs", code=2),
    Command(words="tag list --run-id RUN --flat", err=("given", "user:me")),
    Command(words="tag add --run-id RUN more"),
    Command(words="tag list --run-id RUN --flat --hide-system-tags", err=("given", "more")),
    Command(words="tag remove --run-id RUN more"),
    Command(words="tag replace --run-id RUN --remove given --add other"),
    Command(words="tag add --run-id RUN", code=2, err=("Missing argument",)),
    Command(words="tag add more", code=1),
    Command(words="tag add --run-id 0 more", code=1),
    Command(words="tag remove --run-id RUN user:me", code=1),
    Command(words="card --help", out=("get", "list", "server", "view")),
    Command(words="card get --help", out=("--hash", "--type", "--id", "--follow-resumed", "--no-follow-resumed")),
    Command(words="card list --help", out=("--as-json", "--file", "--hash", "--type", "--id")),
    Command(words="card server --help", out=("--run-id", "--port", "--namespace", "--poll-interval", "--max-cards")),
    Command(
        words="--quiet card list RUN/start --as-json",
        out=('"pathspec"', '"id": "page"', '"type": "default"', '"hash"', '"filename"'),
    ),
    Command(words="--quiet card list RUN/start --type default --as-json", out=('"type": "default"',)),
    Command(words="--quiet card get RUN/start --id page", out=("<html", "</html>")),
    Command(words="card get RUN/start --id page page.html"),
    Command(
        words="card get RUN/start --id nowhere",
        code=1,
        err=("Card not found in datastore:", "Card with id 'nowhere' not found for pathspec ClientFlow/RUN/start/"),
    ),
    Command(words="card get RUN/end", code=1, err=("Card not found for pathspec ClientFlow/RUN/end/",)),
    Command(words="card view RUN/end", code=1, err=("Card not found in datastore:",)),
    Command(words="card list RUN/end --as-json", code=1, err=("Card not found for pathspec ClientFlow/RUN/end/",)),
    Command(words="card list RUN/start --type blank", code=1, err=("Card with type 'blank' not found for pathspec",)),
    Command(words="card list RUN/nowhere", code=1),
    Command(words="card get", code=2),
    Command(words="resume --origin-run-id RUN"),
    Command(words="resume end --origin-run-id RUN"),
    Command(words="resume nowhere --origin-run-id RUN", code=1),
    Command(words="resume --origin-run-id 0", code=1),
)


def wrong(program: Program, directory: Path) -> Iterator[str]:
    """Run the flow, then all commands; return a line for each wrong result."""
    make_project(directory)
    (directory / "flow.py").write_text(FLOW.read_text(encoding="utf-8"), encoding="utf-8")
    program.call(directory, "flow.py", "run", "--run-id-file", "run-id", "--tag", "given")
    run = (directory / "run-id").read_text()
    for command in COMMANDS:
        done = program.call(directory, "flow.py", *command.words.replace("RUN", run).split(), COLUMNS="200")
        if done.code != command.code:
            yield f"{command.words}: exit code {done.code}, not {command.code}:{os.linesep}{done.out}{done.err}"[:1500]
        for phrase in command.out:
            if phrase not in done.out:
                yield f"{command.words}: '{phrase}' is not on stdout:{os.linesep}{done.out}{done.err}"[:1500]
        for phrase in (words.replace("RUN", run) for words in command.err):
            if phrase not in done.err:
                yield f"{command.words}: '{phrase}' is not on stderr:{os.linesep}{done.out}{done.err}"[:1500]
            if phrase in done.out:
                yield f"{command.words}: '{phrase}' is on stdout too"


def read(program: Program, directory: Path) -> Iterator[str]:
    """Read a successful and a failed run with the client; return a line for each wrong result."""
    make_project(directory)
    for name in ("flow.py", "read.py"):
        (directory / name).write_text((HERE / "client" / name).read_text(encoding="utf-8"), encoding="utf-8")
    for arguments, code in ((("--tag", "one"), 0), (("--tag", "two", "--fail", "True"), 1)):
        done = program.call(directory, "flow.py", "run", *arguments)
        if done.code != code:
            yield f"run {' '.join(arguments)}: exit code {done.code}:\n{done.out}{done.err}"
    done = program.call(directory, "read.py")
    if done.code or "CLIENT OK" not in done.out:
        yield f"read.py: exit code {done.code}:\n{done.out}{done.err}"


def run_flows(program: Program, directory: Path) -> Iterator[str]:
    """Run, resume and spin a flow with `Runner`; return a line for each wrong result."""
    make_project(directory)
    for file in (HERE / "runner").glob("*.py"):
        (directory / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    done = program.call(directory, "program.py")
    if done.code or "RUNNER OK" not in done.out:
        yield f"program.py: exit code {done.code}:\n{done.out}{done.err}"
