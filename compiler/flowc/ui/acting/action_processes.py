"""The processes of actions: each action is a process of its own, which does not end with the page or the server."""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

from flowc.ui.acting.action_kinds import KINDS, key_of
from flowc.ui.acting.form_tokens import AskedBefore, FormTokens
from flowc_ir import json_text
from flowc_ir.late.dataclass import dataclass
from flowc_runtime.base.contract import UI_TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowc.ui.acting.action_kinds import ActionRequest, FlowcCommand

MOST_AT_ONCE: Final = 4
"""The number of actions that are active at once; as many runs can be stopped besides."""
MOST_KEPT: Final = 100
"""The number of ended actions that are remembered."""
SHOWN: Final = 64 * 1024
"""The number of bytes of an action's output that its page shows: the last ones."""


class TooManyActions(Exception):
    """MOST_AT_ONCE actions are active already."""


@final
@dataclass(slots=True, kw_only=True)
class AskedAction:
    """An action that was asked for.

    Attributes:
        id: the name of its page.
        kind: its name in `KINDS`.
        subject: what it is done to.
        line: its command line, for readers.
        command: its command line.
        when: when it was asked for, in seconds since the epoch.
        by: the address of the browser that asked.
        place: the files of its output, of the new run's id and of parameters begin with this path.
        ended: when its process ended; None while it is active.
        code: the exit code of its process; negative if a signal ended it.
    """

    id: str
    kind: str
    subject: str
    line: str
    command: FlowcCommand
    when: float
    by: str
    place: Path
    ended: float | None = None
    code: int | None = None

    def output(self) -> tuple[str, int]:
        """Return the end of the output, and the number of bytes before it."""
        try:
            with self.place.with_suffix(".log").open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                start = file.seek(max(0, size - SHOWN))
                return file.read(SHOWN).decode("utf-8", "replace"), start
        except OSError:
            return "", 0

    def run(self) -> str:
        """Return the id of the run that the action has begun; empty if it has begun none yet."""
        try:
            return self.place.with_suffix(".run").read_text(encoding="utf-8").strip()
        except OSError:
            return ""


@final
class Actions:
    """The forms and the processes of one server.

    An action is a process `python -m flowc …` in a session of its own. Neither the end of the page nor the end of the
    server ends it: Ctrl-C in the server's terminal does not reach it, and its output goes to a file, not to a pipe.
    """

    def __init__(self, directory: Path, now: Callable[[], float] = time.time) -> None:
        """Create it for a server whose working directory is `directory`; `now` is the clock."""
        self.directory = directory
        self.now = now
        self._tokens = FormTokens(now)
        self._asked: dict[str, AskedAction] = {}
        self._lock = threading.Lock()
        self._files: Path | None = None

    def form(self, name: str, subject: str) -> str:
        """Return the token of a new form.

        Args:
            name: the name of the action.
            subject: what it is done to.
        """
        with self._lock:
            return self._tokens.issue(name, subject)

    def ask(self, name: str, asked: ActionRequest, *, token: str, by: str) -> AskedAction:
        """Start the process of an action.

        Args:
            name: the name of the action, a key of `KINDS`.
            asked: the sent form.
            token: the form's token.
            by: the address of the browser.

        Raises:
            ValueRefused: a value of the form is not valid; the form can be sent again.
            FormExpired: the form is unknown or too old.
            FormSpent: the same was asked for before.
            TooManyActions: too many actions are active; the form can be sent again.
            OSError: the process cannot be started; the form can be sent again.
        """
        command = KINDS[name].command(asked)
        key = key_of(name, asked, command)
        with self._lock:
            self._tokens.check(token, name, asked.subject, key)
            stops = name == "stop"
            if sum(one.ended is None and (one.kind == "stop") == stops for one in self._asked.values()) >= MOST_AT_ONCE:
                raise TooManyActions
            id, now = secrets.token_hex(8), self.now()
            action = AskedAction(
                id=id, kind=name, subject=asked.subject, line=shlex.join(["flowc", *command.words]), command=command,
                when=now, by=by, place=self._directory() / id,
            )  # fmt: skip
            process = self._start(action)
            self._asked[id] = action
            self._tokens.spend(token, key, AskedBefore(now, by, id))
            self._forget()
        threading.Thread(target=self._wait, args=(action, process), name=f"action {id}", daemon=True).start()
        return action

    def find(self, id: str) -> AskedAction | None:
        """Return the action of this id, or None."""
        return self._asked.get(id)

    def newest(self) -> Sequence[AskedAction]:
        """Return the actions, newest first."""
        with self._lock:
            return [*reversed(self._asked.values())]

    def close(self) -> None:
        """Delete the files of all actions, unless an action is active, whose process writes to them."""
        with self._lock:
            if self._files is not None and all(one.ended is not None for one in self._asked.values()):
                shutil.rmtree(self._files, ignore_errors=True)
                self._files = None

    def _directory(self) -> Path:
        if self._files is None:
            self._files = Path(tempfile.mkdtemp(prefix="flowc-ui-"))  # only this user may read it
        return self._files

    def _start(self, action: AskedAction) -> subprocess.Popen[bytes]:
        first, *others = action.command.words
        options: list[str] = []
        if action.command.begins:
            options.append(f"--run-id-file={action.place.with_suffix('.run')}")
        if action.command.parameters:
            file = action.place.with_suffix(".json")
            file.write_text(json_text.dumps(dict(action.command.parameters)), encoding="utf-8")
            options.append(f"--params-file={file}")
        # a flow, which anybody may have written, must not learn the token of the page
        environment = {name: value for name, value in os.environ.items() if name != UI_TOKEN}
        with action.place.with_suffix(".log").open("wb") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "flowc", first, *options, *others],
                cwd=self.directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _wait(self, action: AskedAction, process: subprocess.Popen[bytes]) -> None:
        code = process.wait()
        with self._lock:
            action.code, action.ended = code, self.now()

    def _forget(self) -> None:
        ended = [one for one in self._asked.values() if one.ended is not None]
        for action in ended[: max(0, len(ended) - MOST_KEPT)]:
            del self._asked[action.id]
            for suffix in (".log", ".run", ".json"):
                action.place.with_suffix(suffix).unlink(missing_ok=True)
