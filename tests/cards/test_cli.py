"""Commands and functions that read cards: `card` of a flow's file, `flowc card`, and `get_cards`."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import struct
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import metaflow.client
from flowc.cli.rendering.card_server import ServedCards, make_server
from metaflow.cards import get_cards
from metaflow.exception import MetaflowInvalidPathspec, MetaflowNotFound
from metaflow.plugins.cards.card_client import Card
from metaflow.plugins.cards.exception import CardNotPresentException

if TYPE_CHECKING:
    from collections.abc import Iterator

    from project import Finished, Project


def card(shown: Project, *arguments: str) -> Finished:
    return shown.python("flow.py", "--quiet", "card", *arguments)


@pytest.fixture
def run_id(shown: Project) -> str:
    return shown.latest().id


# -- on the command line


def test_list_as_json(shown: Project, run_id: str) -> None:
    listed = json.loads(card(shown, "list", f"{run_id}/start", "--as-json").out)
    assert listed["pathspec"] == f"ShowFlow/{run_id}/start/start-0"
    assert [(entry["type"], entry["id"]) for entry in listed["cards"]] == [("blank", "plain"), ("default", None)]
    for entry in listed["cards"]:
        name = "-".join(part for part in (entry["type"], entry["id"], entry["hash"]) if part)
        assert entry["filename"] == f"{name}.html"


def test_list_of_one_task_and_of_one_type_into_a_file(shown: Project, run_id: str) -> None:
    done = card(shown, "list", f"{run_id}/start/0", "--as-json", "--file", "cards.json", "--type", "default")
    assert (done.code, done.out) == (0, "")
    assert [entry["type"] for entry in json.loads((shown.root / "cards.json").read_text())["cards"]] == ["default"]


def test_list_of_a_foreach_has_every_task(shown: Project, run_id: str) -> None:
    listed = json.loads(card(shown, "list", "each", "--as-json").out)
    assert [entry["pathspec"] for entry in listed] == [f"ShowFlow/{run_id}/each/each-0.{n}" for n in (0, 1)]


def test_list_of_the_newest_run(shown: Project, run_id: str) -> None:
    rows = [line.split() for line in card(shown, "list").out.splitlines()]
    steps = [(row[0].removeprefix(f"ShowFlow/{run_id}/"), row[1]) for row in rows[1:]]
    assert steps == [
        ("start/start-0", "blank"), ("start/start-0", "default"), ("each/each-0.0", "default"),
        ("each/each-0.1", "default"), ("end/end-0", "default"),
    ]  # fmt: skip
    assert (
        shown.flowc("card", "list", "ShowFlow").out.splitlines()[1:]
        == shown.flowc("card", "list", "ShowFlow/latest").out.splitlines()[1:]
    )


def test_get(shown: Project, run_id: str) -> None:
    listed = json.loads(card(shown, "list", f"{run_id}/start", "--as-json").out)["cards"]
    default = next(entry["hash"] for entry in listed if entry["type"] == "default")
    by_type = card(shown, "get", f"{run_id}/start/0", "--type", "default").out
    assert by_type.startswith("<!DOCTYPE html>")
    assert card(shown, "get", f"{run_id}/start/0", "--hash", default[:5]).out == by_type
    assert card(shown, "get", f"ShowFlow/{run_id}/start/start-0").out == by_type
    assert card(shown, "get", "start/0", "--type", "default").out == by_type
    assert card(shown, "get", "start/start-0", "--type", "default").out == by_type
    assert card(shown, "get", "latest/start", "--type", "default").out == by_type
    assert card(shown, "get", "start", "mine.html", "--id", "plain").code == 0
    assert "<b id='own'>" in (shown.root / "mine.html").read_text()
    assert shown.flowc("card", "get", "ShowFlow/latest/start", "--type", "default").out == by_type


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["get", "join"], "Card not found for pathspec ShowFlow/{run}/join"),
        (
            ["get", "start", "--type", "nope"],
            "Card with type 'nope' not found for pathspec ShowFlow/{run}/start/start-0",
        ),
        (["list", "{run}/start", "--id", "x"], "Card with id 'x' not found for pathspec ShowFlow/{run}/start/start-0"),
        (
            ["get", "start", "--hash", "0123"],
            "Card with hash '0123' not found for pathspec ShowFlow/{run}/start/start-0",
        ),
        (["get", "each"], "2 tasks have such cards"),
        (["list", "none"], "no tasks of a step 'none'"),
        (["list", "a/b/c/d/e"], "not a path"),
        (["get", "join"], "steps with cards: start, each, end"),
        (["get", "start", "--type", "nope"], "flowc card list ShowFlow/{run}/start"),
        (["get", "end", "nowhere/card.html"], "cannot write nowhere/card.html: No such file or directory"),
        (["create", "start", "--type", "blank"], "flowc has no command 'card create': a task makes its cards itself"),
    ],
)
def test_what_is_not_there(shown: Project, run_id: str, arguments: list[str], told: str) -> None:
    done = card(shown, *(argument.replace("{run}", run_id) for argument in arguments))
    assert (done.code, done.out) == (1, "")
    assert told.replace("{run}", run_id) in done.err


def test_view_opens_the_browser(shown: Project) -> None:
    browser = shown.write("browser", '#!/bin/sh\ncp "${1#file://}" viewed.html\n')
    browser.chmod(0o755)
    done = shown.python("flow.py", "card", "view", "start", "--id", "plain", BROWSER=str(browser))
    assert done.code == 0, done.err
    assert "<b id='own'>" in (shown.root / "viewed.html").read_text()


def test_view_without_a_browser_says_where_the_card_is(shown: Project) -> None:
    done = shown.python("flow.py", "card", "view", "start", "--id", "plain", BROWSER="", PATH="/nowhere")
    assert done.code == 1
    file = re.search(r"there is no browser here; the card is in (\S+)", done.err)
    assert file
    assert "<b id='own'>" in Path(file[1]).read_text()
    Path(file[1]).unlink()


# -- in a program


@pytest.fixture
def client(shown: Project) -> Iterator[None]:
    metaflow.client.metadata(str(shown.root))
    metaflow.client.namespace(None)
    yield
    metaflow.client.default_metadata()
    metaflow.client.default_namespace()


@pytest.mark.usefixtures("client")
def test_get_cards(run_id: str) -> None:
    task = metaflow.client.Task(f"ShowFlow/{run_id}/start/0")
    cards = get_cards(task)
    assert [(found.type, found.id) for found in cards] == [("blank", "plain"), ("default", None)]
    (default,) = get_cards(task.pathspec, type="default")
    assert isinstance(default, Card)
    assert default.get().startswith("<!DOCTYPE html>")
    assert default.path.endswith(f"/default-{default.hash}.html")
    data: Any = default.get_data()
    assert (data["reload_token"], data["data"]["chart"]["type"]) == ("final", "vegaChart")
    assert not default.from_resumed
    (plain,) = get_cards(task, id="plain")
    assert plain == cards[0] or plain.hash == cards[0].hash
    assert 'sandbox="allow-scripts allow-downloads allow-popups ' in cards._repr_html_()


@pytest.mark.usefixtures("client")
def test_get_cards_of_what_is_not_there(run_id: str) -> None:
    with pytest.raises(CardNotPresentException, match="with id 'x' and type 'y'"):
        get_cards(f"ShowFlow/{run_id}/start/0", id="x", type="y")
    with pytest.raises(CardNotPresentException):
        get_cards(f"ShowFlow/{run_id}/join/0")
    with pytest.raises(MetaflowNotFound):
        get_cards(f"ShowFlow/{run_id}/start/9")
    with pytest.raises(MetaflowInvalidPathspec):
        get_cards(f"ShowFlow/{run_id}/start")
    with pytest.raises(TypeError):
        get_cards(5)  # type: ignore[arg-type]


# -- the server


@pytest.fixture
def port(shown: Project) -> Iterator[int]:
    server = make_server(ServedCards(shown.store, "ShowFlow", None, None, 30, 5), 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


def get(port: int, path: str, **headers: str) -> tuple[int, str, str]:
    """Return the status, the Content-Security-Policy and the body of a response."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Security-Policy", ""), answer.read().decode()
    finally:
        connection.close()


def test_the_server_tells_of_the_newest_run(port: int, run_id: str) -> None:
    told = json.loads(get(port, "/cards.json")[2])
    assert (told["run"], told["state"], len(told["cards"])) == (f"ShowFlow/{run_id}", "succeeded", 5)
    assert [(told["task"], told["state"]) for told in told["cards"]] == [
        ("end-0", "failure caught"), ("each-0.0", ""), ("each-0.1", ""), ("start-0", ""), ("start-0", ""),
    ]  # fmt: skip
    key = told["cards"][1]["key"]
    status, policy, body = get(port, f"/card/{key}")
    assert (status, policy) == (
        200,
        "sandbox allow-scripts allow-downloads allow-popups allow-popups-to-escape-sandbox",
    )
    assert "item a" in body
    assert json.loads(get(port, f"/data/{key}")[2])["reload_token"] == "final"


def test_the_server_serves_cards_only_and_this_machine_only(port: int, run_id: str) -> None:
    secret = f"flows/ShowFlow/runs/{run_id}"
    hidden = ("run.json", "cards/../run.json", "cards/x.html", "cards/../x.html", "tasks/x.html", "../cards/x.html")
    for path in (*(f"/card/{secret}/{name}" for name in hidden), f"/data/{secret}/run.json", "/card/", "/x"):
        assert get(port, path)[0] in (404, 500), path
        assert "parameters" not in get(port, path)[2]
    assert get(port, "/", Host="evil.example:80")[0] == 403
    assert get(port, "/")[0] == 200


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1"])
def test_the_server_knows_this_machine_by_its_names(port: int, host: str) -> None:
    assert get(port, "/", Host=host)[0] == 200


def test_the_server_answers_any_request(port: int, run_id: str, capfd: pytest.CaptureFixture[str]) -> None:
    for path in (f"/card/flows/ShowFlow/runs/{run_id}/cards/%00/x.html", "//x", "/cards.json?x=%"):
        assert get(port, path)[0] in (200, 404), path
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("HEAD", "/")
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b"")
    assert int(answer.getheader("Content-Length", "0")) > 1000
    connection.close()
    with socket.create_connection(("127.0.0.1", port)) as odd:
        odd.sendall(b"GET http://[::1/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert odd.recv(1000).startswith(b"HTTP/1.0 404")
    with socket.create_connection(("127.0.0.1", port)) as impatient:
        impatient.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        impatient.sendall(b"GET /cards.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert get(port, "/")[0] == 200
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("words", ["ShowFlow", "ShowFlow/latest", "ShowFlow/RUN"])
def test_the_command_serves_the_cards_of_a_flow(shown: Project, run_id: str, words: str) -> None:
    words = words.replace("RUN", run_id)
    server = shown.start("-m", "flowc", "card", "server", words, "--port", "0")
    try:
        assert server.stderr is not None
        address = server.stderr.readline().rpartition("http://127.0.0.1:")[2]
        assert json.loads(get(int(address), "/cards.json")[2])["run"] == f"ShowFlow/{run_id}"
    finally:
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=60)


@pytest.mark.parametrize("words", ["/", "ShowFlow/latest/start"])
def test_what_the_command_does_not_serve(shown: Project, words: str) -> None:
    done = shown.flowc("card", "server", words, "--port", "0")
    assert done.code == 2
    assert "is neither FLOW nor FLOW/RUN" in done.err


def test_a_port_that_is_taken(shown: Project, port: int) -> None:
    done = card(shown, "server", "--port", str(port))
    assert done.code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.err
