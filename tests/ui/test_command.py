"""The command `flowc ui`, and the option `--ui` of `flowc run`."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest

from project import wait_until

if TYPE_CHECKING:
    from project import Project

FLOW = """
    from metaflow import FlowSpec, step

    class Tiny(FlowSpec):
        @step
        def start(self):
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        Tiny()
    """


@pytest.fixture
def tiny(project: Project) -> Project:
    project.write("flow.py", FLOW)
    return project


def page(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return str(answer.read().decode())


def address_in(text: str) -> str:
    found = re.search(r"http://\S+", text)
    assert found is not None, text
    return found[0]


def test_the_server_ends_after_it_was_idle(tiny: Project) -> None:
    process = tiny.start("-m", "flowc", "ui", "--no-open", "--port", "0", "--idle", "1")
    assert process.stderr is not None
    url = address_in(process.stderr.readline())
    assert "no run in this store yet" in page(url)
    assert tiny.flowc("run", "flow.py").code == 0
    assert "Tiny" in page(url)
    assert process.wait(30) == 0


def test_ctrl_c_ends_the_server_at_once(tiny: Project) -> None:
    process = tiny.start("-m", "flowc", "ui", "--no-open", "--port", "0")
    assert process.stderr is not None
    address_in(process.stderr.readline())
    process.send_signal(2)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err


def test_the_browser_opens_at_the_address(tiny: Project) -> None:
    tiny.write("browser.sh", '#!/bin/sh\necho "$1" > opened\n').chmod(0o755)
    process = tiny.start("-m", "flowc", "ui", "--port", "0", BROWSER=f"{tiny.root}/browser.sh %s")
    assert process.stderr is not None
    url = address_in(process.stderr.readline())
    wait_until(lambda: (tiny.root / "opened").exists() and (tiny.root / "opened").read_text() != "", "no browser")
    assert (tiny.root / "opened").read_text().strip() == url
    process.kill()
    process.communicate()


@pytest.mark.parametrize("words", [("flow.py", "run"), ("-m", "flowc", "run", "flow.py")])
def test_a_run_opens_its_page(tiny: Project, words: tuple[str, ...]) -> None:
    """The server outlives the run, and shows it."""
    tiny.write("browser.sh", '#!/bin/sh\necho "$1" > opened\n').chmod(0o755)
    done = tiny.python(*words, "--ui", BROWSER=f"{tiny.root}/browser.sh %s")
    assert done.code == 0, done.err
    url = address_in(done.err)
    assert url.endswith(f"/run/Tiny/{tiny.latest().id}")
    wait_until(lambda: (tiny.root / "opened").exists() and (tiny.root / "opened").read_text() != "", "no browser")
    assert (tiny.root / "opened").read_text().strip() == url
    assert f"Tiny/{tiny.latest().id}" in page(url)
    server = subprocess.run(["pgrep", "-f", f"flowc ui --store file://{tiny.root}/"], capture_output=True, text=True)
    for pid in map(int, server.stdout.split()):
        os.kill(pid, 15)
    assert server.stdout


def test_two_servers_use_two_ports(tiny: Project) -> None:
    first, second = (tiny.start("-m", "flowc", "ui", "--no-open") for _ in range(2))
    try:
        assert first.stderr is not None
        assert second.stderr is not None
        addresses = [address_in(process.stderr.readline()) for process in (first, second)]  # type: ignore[union-attr]
        assert addresses[0] != addresses[1]
        assert all("Runs" in page(url) for url in addresses)
    finally:
        for process in (first, second):
            process.kill()
            process.communicate()


WRONG: list[tuple[tuple[str, ...], int, str]] = [
    (("ui", "--public-url", "flows.example.org"), 2, "--public-url is an address such as https://flows.example.org"),
    (("ui", "--port", "70000"), 2, "70000 is not in the range"),
    (("ui", "--idle", "0"), 2, "0"),
    (("spin", "flow.py", "start", "--ui"), 2, "--ui"),
    (("run", "flow.py", "--executor", "argo", "--ui"), 2, "--ui is only for runs on this machine: add --local"),
    (("resume", "flow.py", "--target", "argo", "--ui"), 2, "--ui"),
]


@pytest.mark.parametrize(
    ("words", "code", "says"), WRONG, ids=lambda each: " ".join(each) if isinstance(each, tuple) else ""
)
def test_wrong_words(tiny: Project, words: tuple[str, ...], code: int, says: str) -> None:
    done = tiny.flowc(*words)
    assert done.code == code, done.err
    assert says in done.err
    assert "Traceback" not in done.err


def test_a_port_that_is_in_use(tiny: Project) -> None:
    with socket.socket() as used:
        used.bind(("127.0.0.1", 0))
        used.listen()
        done = tiny.flowc("ui", "--no-open", "--port", str(used.getsockname()[1]))
    assert done.code == 1
    assert "cannot listen at 127.0.0.1" in done.err
    assert "--port 0 selects a free port" in done.err


@pytest.mark.parametrize("words", [("ui", "--no-open"), ("run", "flow.py", "--ui")])
def test_without_the_packages_of_the_page(tiny: Project, words: tuple[str, ...]) -> None:
    """The message names the packages, and no run begins."""
    tiny.write("hide/starlette.py", "raise ModuleNotFoundError('hidden', name='starlette')\n")
    hide = "import sys, importlib.util as u; real = u.find_spec\n"
    hide += "u.find_spec = lambda name, *more: None if name == 'starlette' else real(name, *more)\n"
    tiny.write("without.py", f"{hide}from flowc.__main__ import main\nsys.argv[0] = 'flowc'\nmain()\n")
    done = tiny.python("without.py", *words)
    assert done.code == 1, done.err
    assert "the page needs starlette" in done.err
    assert "pip install 'flowc[ui]'" in done.err
    assert not (tiny.root / ".flowc").exists()


def test_an_unknown_page(tiny: Project) -> None:
    process = tiny.start("-m", "flowc", "ui", "--no-open", "--port", "0")
    assert process.stderr is not None
    url = address_in(process.stderr.readline())
    for path, says in (
        ("nothing", "There is no such page"),
        ("run/Tiny/none", "there is no run Tiny/none"),
        ("flow/None", "there is no flow None"),
    ):
        with pytest.raises(urllib.error.HTTPError) as raised:
            page(url + path)
        with raised.value:
            assert raised.value.code == 404
            assert says in raised.value.read().decode()
    for query in ("since=x", "status=odd", "sort=odd", "start=-1", "parameters=%3D", "tags=and"):
        with pytest.raises(urllib.error.HTTPError) as raised:
            page(f"{url}?{query}")
        with raised.value:
            assert raised.value.code == 400, query
    process.kill()
    process.communicate()
