"""An editor's debugger stops in a pipeline's functions; the test uses a real debug adapter and its own client."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from pipeline.debug_client import DebugClient

if TYPE_CHECKING:
    from project import Project

STEPS = """
    def work(x: int):
        found = x + 1
        return found
    """
PROGRAM = """
    from flowc.pipeline import Pipeline, PythonTask
    from steps import work

    pipeline = Pipeline(name="stops", steps=[PythonTask(name="work", function=work, returns=["found"])])

    def main():
        print("FOUND", pipeline.execute({"x": 1})["found"], flush=True)

    if __name__ == "__main__":
        main()
    """


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@pytest.mark.parametrize("command", [("program.py",), ("-m", "flowc", "run", "--local", "program.py", "--x", "1")])
def test_a_breakpoint_of_an_editor_stops_in_a_function(project: Project, command: tuple[str, ...]) -> None:
    pytest.importorskip("debugpy")
    steps = project.write("steps.py", STEPS)
    project.write("program.py", PROGRAM)
    port = free_port()
    del project.environment["PYTHONWARNINGS"]  # allows debugpy's warnings
    listen = "-m", "debugpy", "--listen", f"127.0.0.1:{port}", "--wait-for-client"
    with project.start(*listen, *command) as process, DebugClient(port, steps, [2]) as client:
        stopped = client.until_stopped()
        thread = stopped.body["threadId"]
        (frame,) = stopped.session.request("stackTrace", {"threadId": thread, "levels": 1})["stackFrames"]
        assert (frame["name"], frame["line"], frame["source"]["path"]) == ("work", 2, str(steps))
        value = stopped.session.request("evaluate", {"expression": "x", "frameId": frame["id"]})
        assert value["result"] == "1"
        stopped.session.request("continue", {"threadId": thread})
        client.until_ended(process)
        assert process.returncode == 0
    assert project.artifacts(project.latest(), "work")["found"] == 2
