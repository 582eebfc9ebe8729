"""The forms of actions, the answers to sent forms, and the pages of actions that were asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from flowc.ui.acting.action_kinds import KINDS, ActionRequest, RunCode
from flowc.ui.acting.action_processes import MOST_AT_ONCE, TooManyActions
from flowc.ui.acting.form_tokens import FormExpired, FormSpent
from flowc.ui.acting.form_values import ValueRefused, run_of
from flowc.ui.acting.startable import flow_files
from flowc.ui.site import SitePage, missing
from flowc_runtime.base.errors import FlowcError
from flowc_runtime.process.process import is_alive

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from flowc.ui.acting.action_kinds import ActionKind
    from flowc.ui.acting.action_processes import Actions, AskedAction
    from flowc.ui.rendering import Renderer
    from flowc.ui.site import Site
    from flowc_runtime.run.views.run_view import RunView

LARGEST_FORM: Final = 256 * 1024
"""The number of bytes of the largest form that is read."""
_REFUSED: Final = 400


def run_actions(view: RunView) -> Mapping[str, str]:
    """Return the titles of the actions that are possible for a run, by their names."""
    names = ["tag", "untag"]
    if view.status.is_running:
        if view.target == "local" and view.process and is_alive(view.process):
            names.insert(0, "stop")
    else:
        names = [*(["retry"] if view.status.state != "succeeded" else []), "resume", *names, "delete"]
    return {name: KINDS[name].title for name in names}


def actions_page(site: Site, request: Request) -> SitePage:
    """Return the page with the newest actions, and the flow files from which runs can be started."""
    actions = _actions(site)
    values = {"asked": actions.newest(), "kinds": KINDS, "files": flow_files(actions.directory)}
    return SitePage("actions.html", values, "Actions")


def action_page(site: Site, request: Request) -> SitePage:
    """Return the page of an action that was asked for, with its output."""
    action = _actions(site).find(request.path_params["id"])
    if action is None:
        missing("there is no such action: the server remembers the newest ones since it was started")
    output, before = action.output()
    ended = action.ended is not None
    values = {
        "action": action,
        "title_of": KINDS[action.kind].title,
        "state_name": "running" if not ended else "failed" if action.code else "ok",
        "output": output,
        "before": before,
        "run": _begun(site, action),
    }
    return SitePage("action.html", values, f"{KINDS[action.kind].title} · {action.subject}", lasting=ended)


def _begun(site: Site, action: AskedAction) -> tuple[str, str] | None:
    """Return the flow and the id of the run that an action has begun; None if it is unknown."""
    run = action.run()
    if not run:
        return None
    for flow in [action.command.flow] if action.command.flow else site.store.flows():
        if site.store.run(flow, run).exists():
            return flow, run
    return None


def form_page(site: Site, request: Request) -> SitePage:
    """Return the form of an action."""
    name, kind = _kind(request)
    actions = _actions(site)
    asked = _request(site, kind, request.query_params.get("of", ""), {})
    error = ""
    if "tags" not in kind.fields or kind.subject != "run":  # forms of tags need a value
        try:
            kind.command(asked)
        except ValueRefused as refused:
            error = str(refused)
    return _form(name, asked, actions.form(name, asked.subject), error)


def _form(name: str, asked: ActionRequest, token: str, error: str) -> SitePage:
    kind = KINDS[name]
    steps = asked.code.steps if asked.code is not None else ()
    values = {"name": name, "kind": kind, "asked": asked, "token": token, "error": error, "steps": steps}
    return SitePage("do.html", values, f"{kind.title} · {asked.subject}", lasting=True)


async def send_form(site: Site, request: Request, renderer: Renderer, root: str) -> Response:
    """Answer a sent form: start the action and lead to its page, or say why nothing was started.

    Args:
        site: the site.
        request: the request with the form.
        renderer: renders the answer.
        root: the relative URL of the site's top.
    """
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_FORM:
            return PlainTextResponse("the form is too large\n", 413)
    fields = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    return await run_in_threadpool(_sent, site, request, renderer, root, fields)


def _sent(site: Site, request: Request, renderer: Renderer, root: str, fields: Mapping[str, str]) -> Response:
    actions = _actions(site)
    name, kind = _kind(request)
    asked = _request(site, kind, request.query_params.get("of", ""), fields)
    token = fields.get("token", "")
    before = None
    try:
        action = actions.ask(
            name, asked, token=token, by=request.client.host if request.client else "an unknown address"
        )
        return RedirectResponse(f"{root}action/{action.id}", 303)
    except ValueRefused as error:
        return HTMLResponse(renderer.text(_form(name, asked, token, str(error)), root, ""), _REFUSED)
    except FormSpent as error:
        status, message, before = 409, "", error.before
    except FormExpired:
        status = 409
        message = "Nothing was done: this form is older than an hour, or the server was started again since."
    except TooManyActions:
        status = 429
        message = f"Nothing was done: {MOST_AT_ONCE} actions are active, and no more may be at once."
    except OSError as error:
        status, message = 500, f"Nothing was done: the process cannot be started: {error.strerror}."
    again = f"{root}do/{name}?{urlencode({'of': asked.subject})}"
    values = {"message": message, "before": before, "again": again, "kind": kind, "subject": asked.subject}
    return HTMLResponse(renderer.text(SitePage("refused.html", values, kind.title, lasting=True), root, ""), status)


def _actions(site: Site) -> Actions:
    if site.actions is None:
        missing("this page only shows runs: `flowc ui --allow-actions` starts one that acts")
    return site.actions


def _kind(request: Request) -> tuple[str, ActionKind]:
    name = request.path_params["name"]
    if name not in KINDS:
        missing(f"there is no action {name}")
    return name, KINDS[name]


def _request(site: Site, kind: ActionKind, subject: str, fields: Mapping[str, str]) -> ActionRequest:
    """Return a request whose subject exists, if it is a run."""
    actions, code = _actions(site), None
    if kind.subject == "run":
        try:
            flow, run = run_of(subject)
        except ValueRefused as error:
            missing(str(error))
        view = site.run(flow, run)
        try:
            found = view.records.flow
            code = RunCode(found.code.file, found.code.name, [node.id for node in found.nodes])
        except FlowcError:
            pass  # only `resume` needs the code, and says that it cannot be read
    return ActionRequest(subject, fields, site.store.objects.url, actions.directory, code)
