"""Tab completion from the table of commands and options. Reading the table is much faster than importing click and the
commands' modules.

The completions are the same as those of click. `answer` returns None if the completion needs the command's module: for
options before the command, parameters and steps of the flow on the command line, words in quotes, and the values of a
few options.
"""

from __future__ import annotations

import os

from flowc.completion.command_table import ARGUMENTS, GROUPS, OF_FLOW, OPTIONS, SHORT

TYPE_CHECKING = False  # `typing` is not imported, because its import takes time
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import TypeAlias

    from flowc.completion.command_table import Completed

    Option: TypeAlias = tuple[tuple[str, ...], str, "Completed | None", str]
    Candidate: TypeAlias = tuple[str, str, str]  # the kind (plain, file or dir), the candidate and its help

_PLAIN = "plain"


class _NeedsCommandError(Exception):
    """The exception that a completion needs the command's module, because the table is not enough."""


def answer(shell: str) -> str | None:
    """Return the answer to a shell's request for completions, or None if click must answer. The request is in
    environment variables.

    Args:
        shell: the value of `_FLOWC_COMPLETE`, such as `bash_complete`.
    """
    try:
        words, word = _typed(shell)
        items = _candidates(words, word)
        return "".join(f"{line}\n" for line in _lines(shell, word, items))
    except _NeedsCommandError:
        return None


# -- the shells' formats; see `flowc.cli.commands.shells` --------------------------------------------------------------


def _typed(shell: str) -> tuple[list[str], str]:
    """Return the complete words after the program's name, and the word at the cursor."""
    line = os.environ.get("COMP_LINE" if shell == "bash_complete" else "COMP_WORDS", "")
    if not line.isascii() or not line.isprintable() or any(quote in line for quote in "'\"\\"):
        raise _NeedsCommandError
    words = line.split()
    if shell == "fish_complete":
        word = os.environ.get("COMP_CWORD", "")
        if word.split() not in ([], [word]) or (word and not line.endswith(word)):
            raise _NeedsCommandError
        return words[1:-1] if word and words[-1:] == [word] and len(words) > 1 else words[1:], word
    if shell not in ("bash_complete", "zsh_complete"):
        raise _NeedsCommandError
    word = "" if line[-1:] == " " or not words else words[-1]
    return words[1 : len(words) - bool(word)], word


def _lines(shell: str, word: str, items: Iterable[Candidate]) -> Iterator[str]:
    for kind, value, help in items:
        if shell == "bash_complete":
            begun = word.partition("=")[2] if word.startswith("-") else word
            yield f"{kind},{value[max(begun.rfind(':'), begun.rfind('=')) + 1 :]}"
            continue
        option, equals, _ = word.partition("=")
        text = (option + equals if equals and option.startswith("-") else "") + value
        if not help:
            yield f"{kind},{text}"
        else:
            yield f"{kind},{text.replace(':', chr(92) + ':') if shell == 'zsh_complete' else text}\t{help}"


# -- the candidates ----------------------------------------------------------------------------------------------------


def _candidates(words: Sequence[str], word: str) -> list[Candidate]:
    """Return the candidates for `word`; `words` are the words between the program's name and `word`."""
    path, rest = "", [*words]
    while path in GROUPS:
        names = {name for name, _ in GROUPS[path]}
        if not rest:
            return _commands(path, word)
        if rest[0] in names:
            path = f"{path} {rest.pop(0)}".strip()
        elif path in SHORT and not rest[0].startswith("-"):
            path = f"{path} {SHORT[path]}"
        else:
            raise _NeedsCommandError
    return _parameters(path, rest, word)


def _commands(path: str, word: str) -> list[Candidate]:
    if word.startswith("-"):
        options = OPTIONS[f"{path} {SHORT[path]}" if path in SHORT else path]
        return _option_names(options, set(), word)
    found = [(_PLAIN, name, help) for name, help in GROUPS[path] if name.startswith(word)]
    return found + (_values("pathspec", word) if path in SHORT else [])


def _parameters(path: str, words: Sequence[str], word: str) -> list[Candidate]:
    """Return the candidates for a word of a command: names of options, or values of an option or argument."""
    options = {name: option for option in OPTIONS[path] for name in option[0]}
    used: set[str] = set()  # the parameters whose options are already on the command line
    waiting: Option | None = None  # the option whose value comes next
    arguments = 0
    for each in words:
        name, equals, _ = each.partition("=")
        if waiting is not None:
            waiting = None
        elif not each.startswith("-"):
            arguments += 1
        elif name not in options or name in ("--store", "--target") or options[name][2] == "several":
            raise _NeedsCommandError
        else:
            used.add(options[name][3])
            waiting = options[name] if options[name][2] is not None and not equals else None
    if arguments and path in OF_FLOW:
        raise _NeedsCommandError
    name, equals, value = word.partition("=")
    if waiting is not None and not word.startswith("-"):
        return _values(waiting[2] or "", word)
    if word.startswith("-") and equals:
        if waiting is not None or name not in options or options[name][2] in (None, "several"):
            raise _NeedsCommandError
        return _values(options[name][2] or "", value)
    if word.startswith("-"):
        if waiting is not None:
            raise _NeedsCommandError
        return _option_names(OPTIONS[path], used, word)
    expected = [kind for at, (kind, many) in enumerate(ARGUMENTS[path]) if many or at >= arguments]
    if not expected:
        return []
    return _values(expected[0], word, path)


def _option_names(options: Sequence[Option], used: set[str], word: str) -> list[Candidate]:
    return [
        (_PLAIN, name, " ".join(option[1].split()))
        for option in options
        if not option[3] or option[3] not in used
        for name in option[0]
        if name.startswith(word)
    ]


def _values(kind: Completed, word: str, path: str = "") -> list[Candidate]:
    """Return the candidates for a value of this kind."""
    if isinstance(kind, tuple):
        return [(_PLAIN, choice, "") for choice in kind if choice.startswith(word)]
    if kind in ("file", "dir"):
        return [(kind, word, "")]
    if kind == "":
        return []
    if kind == "other" or (kind in ("words", "flow file") and ":" in word):
        raise _NeedsCommandError
    from flowc.completion.candidates import values

    return [(_PLAIN, name, "") for name in values(kind, word, path)]
