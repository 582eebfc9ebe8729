"""Makes one card: finds the card's class, calls it with the task, and stores the HTML."""

from __future__ import annotations

import inspect
import os
import time
from typing import TYPE_CHECKING, Any, cast

from flowc_ir import json_text
from flowc_runtime.base.ambient import ambient
from flowc_runtime.base.index import task_id
from flowc_runtime.run.graph_info import graph_info
from flowc_runtime.store.records.record_types import RECORD_VERSION, CardRecord
from metaflow import client
from metaflow.client.reader import RunReader
from metaflow.plugins.cards._store import DATA, PAGE
from metaflow.plugins.cards._types import find_card
from metaflow.plugins.cards._warn import warn
from metaflow.plugins.cards.card_modules.card import MetaflowCard
from metaflow.plugins.cards.exception import CardUnrenderableException

if TYPE_CHECKING:
    from flowc_ir import Card, Flow
    from flowc_runtime.store.records.run_store import RunStore

_FINAL = "final"


class Maker:
    """Makes one card of an attempt and stores it.

    Attributes:
        attempt: (step, index path, number of the attempt from 1).
        card: the @card in the intermediate representation.
        key: the key of the card's page in the store.
        cls: the flow's class.
        kind: the class of the card, or None to look up the class when the card is made.
    """

    def __init__(
        self,
        run: RunStore,
        flow: Flow,
        attempt: tuple[str, str, int],
        card: Card,
        key: str,
        cls: type,
        kind: type[MetaflowCard] | None = None,
    ) -> None:
        self.run, self.flow, self.attempt, self.card, self.key, self.cls = run, flow, attempt, card, key, cls
        self.kind = kind
        self._token: str | None = None

    def enter(self) -> None:
        """Prepare a process that renders only this card: set the step's environment variables, and the client's store
        and namespace."""
        os.environ.update(next(node for node in self.flow.nodes if node.id == self.attempt[0]).environment)
        ambient().open_bucket = None  # this process forks no tasks, so it may open connections to a bucket
        client.metadata(self.run.objects.url)
        client.namespace(self.run.record().get("namespace"))

    def make(self, message: str, *, final: bool) -> None:
        """Render and store the card's page, or the data of a refresh.

        Args:
            message: the JSON of `CardComponents.message`.
            final: whether the attempt has ended. During the attempt, the page is rendered only if the card's reload
                policy requires it; otherwise only the data is stored.

        Raises:
            CardClassFoundException: there is no card class of the type.
            CardUnrenderableException: the card's `render` returned no string. Other exceptions of the card's code are
                not caught.
        """
        data: dict[str, Any] = json_text.mapping(message) | {"mode": "final" if final else "runtime"}
        instance = self._card(data)
        task = self._task()
        if final:
            self._put_page(instance.render(task), _FINAL)
            refreshed = instance.refresh(task, data) if type(instance).RUNTIME_UPDATABLE else None
            if refreshed is not None:
                self._put_data(refreshed, _FINAL)
            return
        token = self._new_token(instance, task, data)
        if token != self._token:
            self._put_page(instance.render_runtime(task, data), token)
            self._token = token
        self._put_data(instance.refresh(task, data), token)

    def _card(self, data: dict[str, Any]) -> MetaflowCard:
        cls = self.kind or find_card(self.card.type, warn)
        arguments: dict[str, object] = {
            "options": json_text.loads(self.card.options),
            "components": list(data["components"].values()) if cls.ALLOW_USER_COMPONENTS else [],
            "graph": steps_of(self.flow),
            "flow": self.cls,
        }
        instance = cls(**_accepted_arguments(cls, arguments))
        instance.runtime_data = data
        return instance

    def _task(self) -> client.Task:
        step, path, number = self.attempt
        reader = RunReader(self.run)
        reader.flow = self.flow  # the reader uses this object instead of reading the flow from the store
        return client.Task._of(reader, (self.run.flow, self.run.id, step, task_id(step, path)), number - 1)

    def _new_token(self, instance: MetaflowCard, task: client.Task, data: dict[str, Any]) -> str:
        match instance.RELOAD_POLICY:
            case MetaflowCard.RELOAD_POLICY_ALWAYS:
                return f"refresh-{data['render_seq']}"
            case MetaflowCard.RELOAD_POLICY_ONCHANGE:
                return str(instance.reload_content_token(task, data))
            case _:
                return "never"

    def _put_page(self, html: object, token: str) -> None:
        if not isinstance(html, str):
            raise CardUnrenderableException(
                f"render of the card '{self.card.type}' gave {type(html).__name__}, not a string of HTML"
            )
        page = html.replace(MetaflowCard.RELOAD_POLICY_TOKEN, token)
        self.run.objects.put(self.key, page.encode("utf-8", "replace"))

    def _put_data(self, data: object, token: str) -> None:
        record = CardRecord(version=RECORD_VERSION, reload_token=token, data=data, created_on=time.time())
        self.run.objects.put(self.key.removesuffix(PAGE) + DATA, json_text.dumps(record).encode())


# id(flow) -> (flow, steps); the table keeps the flow alive, so that no other object gets the same id
_steps: dict[int, tuple[Flow, dict[str, Any]]] = {}


def steps_of(flow: Flow) -> dict[str, Any]:
    """Return the steps of a flow in the form of the argument `graph` of a card. All calls for a flow return the same
    dict."""
    if id(flow) not in _steps:
        _steps[id(flow)] = flow, cast("dict[str, Any]", graph_info(flow)["steps"])
    return _steps[id(flow)][1]


def _accepted_arguments(cls: type, arguments: dict[str, object]) -> dict[str, Any]:
    """Return the arguments that the card's class accepts: older classes have no argument `flow`."""
    parameters = inspect.signature(cls).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return arguments
    return {name: value for name, value in arguments.items() if name in {parameter.name for parameter in parameters}}
