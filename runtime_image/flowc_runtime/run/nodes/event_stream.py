"""Sends events of a task to the program that started the pipeline, which reads them during the run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, final

from flowc_ir import json_text
from flowc_ir.late import LateModule
from flowc_ir.model import END_EVENT
from flowc_runtime.base.contract import EVENTS
from flowc_runtime.run.nodes.returned import ReturnError, to_json

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncGenerator, Mapping

    from flowc_ir import Function
else:  # imported at first use: only a task that sends its events to a program needs this module
    socket = LateModule("socket")


@final
class EventStream:
    """The connection of one task to the program that reads its events. If no program reads the events, they are
    discarded.

    Each event is a line of JSON. The fields in `what` (the step, the task's path) are added to events about the task.
    """

    def __init__(self, what: Mapping[str, str]) -> None:
        self._what = dict(what)
        self._connection: socket.socket | None = None
        if address := os.environ.get(EVENTS):
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                connection.connect(address)
            except OSError:  # the program that reads the events has ended
                connection.close()
            else:
                self._connection = connection

    @property
    def open(self) -> bool:
        """Whether the events are sent to a program."""
        return self._connection is not None

    def tell(self, kind: str, **more: object) -> None:
        """Send an event about the task, such as `task_started`."""
        if self._connection is not None:
            about: dict[object, object] = {"type": kind}
            about.update(self._what)
            about.update(more)
            self.send(about)

    def send(self, event: Mapping[object, object]) -> None:
        """Send an event that user code has yielded. A value that JSON cannot represent is sent as text."""
        if self._connection is None:
            return
        line = json_text.dumps({str(name): _plain(value) for name, value in event.items()})
        try:
            self._connection.sendall(f"{line}\n".encode())
        except OSError:
            self.close()

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


async def end_of_events(
    events: AsyncGenerator[object, None], function: Function, stream: EventStream, what: str
) -> object:
    """Send the events that a generator yields; return the values of the end event, in the order of the returns.

    Events are dicts with a key `type`. The end event is the event whose type is `function.end_event`, or the default
    type if that is not set.

    Args:
        events: the generator that the user's function returned.
        function: the function in the IR, with the names of its returns.
        stream: the connection to which events are sent.
        what: a description of the function for messages.

    Raises:
        ReturnError: there is no end event, or it lacks a value.
        BaseException: any exception of the user's code.
    """
    end: Mapping[object, object] | None = None
    kind = function.end_event or END_EVENT
    try:
        async for event in events:
            if isinstance(event, dict) and "type" in event:
                stream.send(event)
                if event["type"] == kind:
                    end = event
    finally:
        await events.aclose()
    names = [each.name for each in function.returns]
    if not names:
        return None
    if end is None:
        raise ReturnError(
            f"{what} ended without an event of the type {kind!r}, which has the values of its returns: "
            f"yield {{'type': {kind!r}, {names[0]!r}: …}}"
        )
    if missing := [name for name in names if name not in end]:
        given = ", ".join(str(name) for name in end if name != "type") or "none"
        raise ReturnError(f"the event {kind!r} of {what} has no value '{missing[0]}'; its values: {given}")
    return tuple(end[name] for name in names)


def _plain(value: object) -> object:
    try:
        return to_json(value, "a value", "value")
    except ReturnError:
        return str(value)
