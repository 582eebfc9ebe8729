"""The completion scripts for bash, zsh and fish, and the format of each shell's requests and candidates.

flowc does not use click's scripts: click's scripts differ between versions of click, add a blank after `Flow/`, and do
not complete the value in `--tag=own`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, final

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

_BASH = """\
%(complete_func)s() {
    local IFS=$'\\n' line kind value
    COMPREPLY=()
    for line in $(COMP_LINE="${COMP_LINE:0:COMP_POINT}" %(complete_var)s=bash_complete "$1" 2> /dev/null); do
        IFS=, read -r kind value <<< "$line"
        if [[ $kind == dir ]]; then compopt -o dirnames
        elif [[ $kind == file ]]; then compopt -o default
        else
            [[ $value == */ ]] && compopt -o nospace
            COMPREPLY+=("$value")
        fi
    done
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""
_ZSH = """\
#compdef %(prog_name)s
%(complete_func)s() {
    local -a described plain unfinished
    local line kind value
    local -x COMP_WORDS="${words[1,CURRENT]}" %(complete_var)s=zsh_complete
    for line in "${(@f)$(%(prog_name)s 2> /dev/null)}"; do
        kind=${line%%%%,*} value=${line#*,}
        if [[ $kind == dir ]]; then _path_files -/
        elif [[ $kind == file ]]; then _path_files
        elif [[ $value == */ ]]; then unfinished+=("$value")
        elif [[ $value == *$'\\t'* ]]; then described+=("${value/$'\\t'/:}")
        elif [[ -n $value ]]; then plain+=("$value")
        fi
    done
    (( $#described )) && _describe -V command described -U
    (( $#plain )) && compadd -U -V plain -a plain
    (( $#unfinished )) && compadd -U -V unfinished -S '' -a unfinished
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"  # it lies in a directory of $fpath
else
    compdef %(complete_func)s %(prog_name)s
fi
"""
_FISH = """\
function %(complete_func)s
    set -lx %(complete_var)s fish_complete
    set -lx COMP_WORDS (commandline -cp | string collect)
    set -lx COMP_CWORD (commandline -ct | string collect --allow-empty)
    for line in (%(prog_name)s 2> /dev/null)
        set -l answer (string split --max 1 , -- $line)
        switch $answer[1]
            case dir
                __fish_complete_directories $answer[2]
            case file
                __fish_complete_path $answer[2]
            case '*'
                printf '%%s\\n' $answer[2]
        end
    end
end
complete --no-files --keep-order --command %(prog_name)s --arguments '(%(complete_func)s)'
"""


@final
class Bash(BashComplete):
    """Completion for bash. This class splits the command line itself, because bash would split the word `user:me` into
    three words."""

    source_template = _BASH

    @staticmethod
    def _check_version() -> None:
        return  # Click would check the version of the bash in $PATH, but another bash may read the script.

    def _word(self) -> str:
        line = os.environ.get("COMP_LINE", "")
        return "" if line[-1:].isspace() else (split_arg_string(line) or [""])[-1]

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the complete words, and the word at the cursor."""
        words = split_arg_string(os.environ.get("COMP_LINE", ""))
        word = self._word()
        return words[1 : len(words) - bool(word)], word

    def format_completion(self, item: CompletionItem) -> str:
        """Return the line for one candidate: the part after the last `:` or `=`, because bash replaces only this
        part."""
        word = self._word()
        if word.startswith("-"):
            word = word.partition("=")[2]
        value = str(item.value)
        return f"{item.type},{value[max(word.rfind(':'), word.rfind('=')) + 1 :]}"


@final
class Zsh(ZshComplete):
    """Completion for zsh: lists described candidates first; a candidate that ends in `/` is not followed by a blank."""

    source_template = _ZSH

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the complete words, and the word at the cursor."""
        line = os.environ["COMP_WORDS"]
        words = split_arg_string(line)
        word = "" if line[-1:].isspace() else (words or [""])[-1]
        return words[1 : len(words) - bool(word)], word

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        """Return the candidates, each as a replacement for the whole word at the cursor."""
        return _whole(super().get_completions(args, incomplete), incomplete)

    def format_completion(self, item: CompletionItem) -> str:
        """Return the line for one candidate: its kind, the candidate and its description."""
        value = str(item.value)
        return _line(item, value.replace(":", "\\:") if item.help else value)


@final
class Fish(FishComplete):
    """Completion for fish: keeps the order of the candidates, and allows commas in descriptions."""

    source_template = _FISH

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        """Return the candidates, each as a replacement for the whole word at the cursor."""
        return _whole(super().get_completions(args, incomplete), incomplete)

    def format_completion(self, item: CompletionItem) -> str:
        """Return the line for one candidate: its kind, the candidate and its description."""
        return _line(item, str(item.value))


def _whole(items: Iterable[CompletionItem], incomplete: str) -> list[CompletionItem]:
    """Return candidates that replace the whole word at the cursor: if the word is `--tag=o`, each candidate begins with
    `--tag=`."""
    option, equals, _ = incomplete.partition("=")
    before = option + equals if equals and option.startswith("-") else ""
    return [CompletionItem(before + str(item.value), item.type, item.help) for item in items]


def _line(item: CompletionItem, value: str) -> str:
    return f"{item.type},{value}" + (f"\t{' '.join(item.help.split())}" if item.help else "")


SHELLS: dict[str, type[ShellComplete]] = {"bash": Bash, "zsh": Zsh, "fish": Fish}


def register() -> None:
    """Make click use these classes instead of its own classes for the three shells."""
    for name, shell in SHELLS.items():
        add_completion_class(shell, name)
