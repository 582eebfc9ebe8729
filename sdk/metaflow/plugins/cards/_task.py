"""The cards of one attempt, from its start to its end; the runtime calls this module."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from flowc_ir import Card
from flowc_runtime.base.errors import StoreError
from flowc_runtime.base.index import ROOT, Graph, task_pathspec
from flowc_runtime.process.process import load_prctl
from flowc_runtime.run.task.attempts import begin_record, new_record
from flowc_runtime.store.backends.memory import MemoryObjects
from flowc_runtime.store.records.run_store import RunStore
from flowc_runtime.store.records.runs import new_run_record
from flowc_runtime.store.values.codecs import store_value
from metaflow.plugins.cards._current import CardComponents, CurrentCards
from metaflow.plugins.cards._make import Maker
from metaflow.plugins.cards._renderer import OwnRenderer, ProcessRenderer
from metaflow.plugins.cards._store import card_key, cards_of
from metaflow.plugins.cards._types import find_card
from metaflow.plugins.cards._warn import Failure, warn
from metaflow.plugins.cards.card_modules.basic import CARDS, ErrorCard
from metaflow.plugins.cards.card_modules.texts import Markdown
from metaflow.plugins.cards.exception import CardClassFoundException

if TYPE_CHECKING:
    from flowc_ir import Flow
    from flowc_runtime.store.records.record_types import OriginRecord
    from metaflow.plugins.cards._renderer import Renderer


def warm_up(flow: Flow, step: str, cls: type) -> None:
    """Render the built-in cards of a step with a store in memory, before tasks are forked.

    The forked tasks inherit the imported modules, the loaded assets and the picture of the graph, so no task loads them
    again. The function calls no user code.

    Args:
        flow: the flow.
        step: a step with @card.
        cls: the flow's class.
    """
    run, attempt = RunStore(MemoryObjects(), flow.name, "1"), (step, ROOT, 1)
    run.create(new_run_record(run, flow, 0.0, user="", target="local", parameters={}, tags=[], namespace=None), "")
    begun = begin_record(0.0)
    run.begin(*attempt, begun)
    record = new_record(run, Graph(flow), attempt, "ok", begun, {"code": 0})
    record["artifacts"] = {"value": store_value(run.objects, 1)}
    run.finish(record)
    components = CardComponents()
    components.append(Markdown("# Title\n\n- text"))
    message = components.message()
    types = {card.type for card in next(node for node in flow.nodes if node.id == step).cards}
    for kind in CARDS:
        if kind.type in types:
            with suppress(Exception):  # fails if the flow has changed the card's class; a task reports the error
                Maker(run, flow, attempt, Card(type=kind.type), kind.type, cls, kind).make(message, final=True)


class TaskCards:
    """The cards of an attempt (step, path, number) of a step with @card.

    The attribute `current` is the step's `current.card`.

    The runtime calls `start` before the step's code, and `finish` or `leave_to` at the end. The failure of a card never
    raises an exception in the task.
    """

    def __init__(self, run: RunStore, flow: Flow, attempt: tuple[str, str, int], cls: type) -> None:
        self._run = run
        self._where = task_pathspec(run.flow, run.id, attempt[0], path=attempt[1])
        cards = next(node for node in flow.nodes if node.id == attempt[0]).cards
        is_local = "://" not in run.objects.url.removeprefix("file://")
        self._renderers: list[Renderer] = []
        for number, card in enumerate(cards):
            maker = Maker(run, flow, attempt, card, card_key(run, attempt, number, card.type, card.id), cls)
            try:
                card_class = find_card(card.type, warn)
            except CardClassFoundException:
                # the child process reports the unknown type when it makes the card
                self._renderers.append(ProcessRenderer(card, maker, editable=False, updatable=False))
                continue
            maker.kind = card_class
            kind = OwnRenderer if card_class in CARDS and is_local else ProcessRenderer
            editable, updatable = card_class.ALLOW_USER_COMPONENTS, card_class.RUNTIME_UPDATABLE
            self._renderers.append(kind(card, maker, editable=editable, updatable=updatable))
        self.current = CurrentCards(self._renderers)
        self._messages: list[str] = []

    def start(self) -> None:
        """Start the processes that render the cards.

        The method must be called before this process uses the store or starts a thread, because it forks.
        """
        prctl = load_prctl() if any(isinstance(each, ProcessRenderer) for each in self._renderers) else None
        for renderer in self._renderers:
            renderer.start(prctl, self._renderers)

    def collect(self) -> None:
        """Convert the components to JSON before the task's end is reported, because user-defined components may print
        warnings."""
        self._messages = [components.message() for components in self.current.get()]

    def finish(self) -> None:
        """Render the final page of each card, after the attempt's record is written and its end is reported.

        A card that fails or exceeds its `timeout` causes a warning and, with `save_errors`, a page that shows the
        error.
        """
        began = time.monotonic()
        failures = [
            renderer.begin_final(message, began + renderer.card.timeout)
            for renderer, message in zip(self._renderers, self._messages, strict=True)
        ]
        for renderer, failure in zip(self._renderers, failures, strict=True):
            why = failure or renderer.finish(began + renderer.card.timeout)
            if why is not None:
                self._failed(renderer, why)

    def leave_to(self, task: OriginRecord) -> bool:
        """Release the renderers without rendering, if this task reuses the result of another task that has cards.

        Args:
            task: the reused task and its run.

        Returns:
            False if the reused task has no cards. The task must then render its own cards.
        """
        run = RunStore(self._run.objects, self._run.flow, task["run"])
        if not cards_of(run, task["step"], task["path"], task["attempt"]):
            return False
        for renderer in self._renderers:
            renderer.leave()
        return True

    def _failed(self, renderer: Renderer, why: Failure) -> None:
        card = renderer.card
        name = f"'{card.type}'" + (f" with id '{card.id}'" if card.id else "")
        print(
            f"[@card WARNING] the card {name} could not be made; the step is not affected: {why.short}",
            file=sys.stderr,
        )
        if card.save_errors:
            page = ErrorCard(options={"title": f"The card {name} could not be made"}).render(self._where, why.whole)
            try:
                self._run.objects.put(renderer.maker.key, page.encode("utf-8", "replace"))
            except StoreError as error:  # the task's result is already recorded, so the error only causes a warning
                print(f"[@card WARNING] the card with this error could not be stored either: {error}", file=sys.stderr)
