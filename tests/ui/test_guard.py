"""Which requests the page refuses, and the headers of its answers, over plain HTTP."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from project import Project
from small_flows import two_steps
from ui.served import Served, serving

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example", "", "[::1"])
def test_another_name_of_this_machine_is_refused(mixed: Served, host: str) -> None:
    """A page of another site may give its own name the address of this machine (DNS rebinding)."""
    answer = mixed.get(Host=host.format(port=mixed.port))
    assert answer.status == 421
    assert b"MixFlow" not in answer.body


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST:{port}", "[::1]:{port}"])
def test_the_names_of_this_machine_are_accepted(mixed: Served, host: str) -> None:
    assert mixed.get(Host=host.format(port=mixed.port)).status == 200


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://127.0.0.1:1", "http://localhost", "file://", "http://[::1", "chrome://x"],
)
def test_another_origin_is_refused(mixed: Served, origin: str) -> None:
    """A page at another port of this machine is a foreign page, too."""
    for method in ("GET", "POST"):
        assert mixed.get(method=method, Origin=origin).status == 403


def test_the_own_origin_is_accepted(mixed: Served) -> None:
    assert mixed.get(Origin=mixed.url.rstrip("/")).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("path", ["", "flow/MixFlow", "healthz", "static/ui.css", "more", "live?page="])
def test_the_page_only_reads(mixed: Served, method: str, path: str) -> None:
    assert mixed.get(path, method).status == 403  # without an origin
    answer = mixed.get(path, method, Origin=mixed.url.rstrip("/"))
    assert answer.status == 403
    assert b"--allow-actions" in answer.body


def test_head_has_the_headers_of_get(mixed: Served, runs: tuple[str, str]) -> None:
    for path in ("", "flow/MixFlow", f"run/MixFlow/{runs[0]}", "healthz", "static/ui.js", "more", "live?page="):
        answer = mixed.get(path, "HEAD")
        assert (answer.status, answer.body) == (200, b""), path
    assert mixed.get("flow/None", "HEAD").status == 404


def test_every_answer_limits_what_a_page_may_do(mixed: Served, runs: tuple[str, str]) -> None:
    task = f"run/MixFlow/{runs[0]}/start/0"
    for path in (
        "",
        task,
        f"{task}/1/log?start=0",
        f"{task}/1/log.txt",
        "static/ui.js",
        "none",
        "?status=none",
        "healthz",
    ):
        headers = mixed.get(path).headers
        policy = dict(rule.split(" ", 1) for rule in headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert policy["base-uri"] == "'none'"
        assert policy["frame-ancestors"] == policy["form-action"] == "'self'"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers
    assert mixed.get("", Host="evil.example").headers["content-security-policy"]


@pytest.mark.parametrize(
    "above", ["..", "%2e%2e", "..%2f..", "%2e%2e%2f%2e%2e", "..%5c..", "....//", "%252e%252e%252f"]
)
def test_no_path_leaves_the_store(mixed: Served, runs: tuple[str, str], above: str) -> None:
    """The file `secret.json` is beside the store, and files of the project are beside the style sheet."""
    secret = mixed.project.write("secret.json", '{"word": "beyond"}')
    run = f"run/MixFlow/{runs[0]}"
    name = quote(str(secret), safe="")
    for path in (
        f"static/{above}/app.py",
        f"static/{above}/{above}/{above}/{above}/{above}/{name}",
        f"flow/{above}",
        f"run/{above}/{above}",
        f"run/MixFlow/{above}",
        f"{run}/{above}",
        f"{run}/start/{above}",
        f"{run}/{above}/0",
        f"{run}/start/{above}/1/log?start=0",
        f"{run}/start/0/1/card/{above}",
        f"{run}/start/0/1/card/{above}%2fsecret.json",
        f"{run}/start/0/1/card/{name}",
        f"{above}/secret.json",
        f"{above}%2fsecret.json",
    ):
        answer = mixed.get(path)
        assert answer.status == 404, (path, answer)
        assert b"beyond" not in answer.body, path
        assert b"Builds the application" not in answer.body, path


def test_values_in_urls_are_checked(mixed: Served, runs: tuple[str, str]) -> None:
    task = f"run/MixFlow/{runs[0]}/start/0"
    for path in (
        "?start=x", f"?start={'9' * 5000}", f"{task}?attempt={'9' * 5000}", f"{task}/1/log?start={'9' * 5000}",
        "?start=-1", "?status=none", "?sort=none", "?tags=a+and", "?since=never", "?parameters=%3E%3D",
        f"{task}?attempt=x", f"{task}/1/log", f"{task}/1/log?start=x", "more?start=%C2%B2",
        f"run/MixFlow/{runs[0]}/each?start=%C2%B2",
    ):  # fmt: skip
        assert mixed.get(path).status == 400, path
    for path in (
        "none", "flow/None", "run/MixFlow/1", "run/None/1", f"run/MixFlow/{runs[0]}/none", f"{task[:-1]}9",
        f"{task}?attempt=9", f"{task}/1/card/none", f"{task}/99999999999999999999/log?start=0", "live?page=none",
        f"run/MixFlow/{runs[0]}/none/0/1/log?start=0", f"run/MixFlow/{runs[0]}/none/0/1/log.txt",
    ):  # fmt: skip
        assert mixed.get(path).status == 404, path


@pytest.fixture(scope="module")
def shared(place: Project) -> Iterator[Served]:
    """Return a page that other machines may reach, with one run; its browsers need a token."""
    place.write("flow.py", two_steps("TwoFlow"))
    place.run("flow.py")
    with serving(place, "--host", "0.0.0.0") as served:
        yield served


def test_a_page_for_other_machines_needs_its_token(shared: Served) -> None:
    assert len(shared.token) >= 24
    for path in (
        "",
        "flow/TwoFlow",
        "static/ui.js",
        "live?page=",
        "?token=",
        "?token=wrong",
        "?token=%C3%BC",
        "?token=%00",
    ):
        answer = shared.get(path)
        assert answer.status == 403, path
        assert b"TwoFlow" not in answer.body
    for cookie in ("flowc-token=wrong", "flowc-token=", "flowc-token=\xfc", ";;=;", "flowc-token"):
        assert shared.get(Cookie=cookie).status == 403, cookie


def test_the_token_becomes_a_cookie_and_leaves_the_address(shared: Served) -> None:
    answer = shared.get(f"?status=failed&status=running&text=a+b&token={shared.token}")
    assert answer.status == 303
    assert answer.headers["location"] == "./?status=failed&status=running&text=a+b"
    (cookie,) = SimpleCookie(answer.headers["set-cookie"]).values()
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "strict", "/")
    assert b"TwoFlow" in shared.get(Cookie=f"{cookie.key}={cookie.value}").body
    assert shared.get(f"flow/TwoFlow?token={shared.token}").headers["location"] == "./TwoFlow"
    assert shared.get(f"flow/a%3Ab%2F%2Fc?token={shared.token}").headers["location"] == "./a%3Ab%2F%2Fc"


def test_other_machines_use_any_name(shared: Served) -> None:
    cookie = shared.get(f"?token={shared.token}").headers["set-cookie"].partition(";")[0]
    assert shared.get(Host="laptop.local", Cookie=cookie).status == 200
    assert shared.get(Host="laptop.local", Cookie=cookie, Origin="http://laptop.local").status == 200
    assert shared.get(Host="laptop.local", Cookie=cookie, Origin="http://evil.example").status == 403


def test_behind_a_proxy_its_name_is_accepted(place: Project) -> None:
    with serving(place, "--public-url", "https://flows.example.org/runs/") as served:
        assert served.printed == f"https://flows.example.org/runs/?token={served.token}"
        cookie = served.get(f"?token={served.token}", Host="flows.example.org").headers["set-cookie"].partition(";")[0]
        assert served.get("", Host="flows.example.org", Cookie=cookie).status == 200
        assert served.get("", Host="other.example.org", Cookie=cookie).status == 421
        assert served.get("", Host="127.0.0.1", Cookie=cookie, Origin="https://flows.example.org").status == 200
