"""A program that compiles a flow's file in this process and prints the time of each part, as JSON."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

STEPS = 100


def write_chain(path: Path) -> None:
    """Return the source of a flow with a hundred linear steps of a few lines each."""
    names = ["start", *(f"step_{number}" for number in range(1, STEPS - 1)), "end"]
    lines = ["from metaflow import FlowSpec, step", "", "", "class ChainBench(FlowSpec):"]
    for name, following in zip(names, [*names[1:], None], strict=True):
        last = f"self.next(self.{following})" if following else "pass"
        lines += ["    @step", f"    def {name}(self):", f"        self.last = {name!r}", f"        {last}", ""]
    path.write_text("\n".join(lines))


def main(path: Path) -> None:
    """Measure loading the flow, importing Hera, and compiling; Hera's import is not part of the compiler."""
    began = time.perf_counter()
    from flowc.frontends.metaflow.flowspec import load
    from flowc.targets.argo import Settings, compile_flow

    loaded = load(path)
    assert loaded.flow is not None, loaded.diagnostics
    front_end = time.perf_counter()
    import hera.workflows.models
    import yaml  # noqa: F401

    assert hera
    imported = time.perf_counter()
    text = compile_flow(loaded.flow, loaded.package, Settings()).to_yaml()
    done = time.perf_counter()
    took = {"front_end": front_end - began, "hera": imported - front_end, "back_end": done - imported}
    print(json.dumps(took | {"bytes": len(text.encode())}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
