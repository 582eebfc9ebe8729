"""`flowc artifact`: lists the versions of an artifact, or writes the version with a given digest to a file."""

from __future__ import annotations

import re
import shutil
import sys
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowc.cli.commands.store.read import json_option
from flowc.cli.options.common import fail, open_store, store_option, table, writing
from flowc.cli.options.inherited import with_verify_option
from flowc.cli.rendering.working import working
from flowc.cli.running.classes import class_finder
from flowc.cli.words.run_names import no_flow
from flowc_ir import json_text
from flowc_runtime.base.config.whereabouts import command_on
from flowc_runtime.base.index import task_id, task_pathspec
from flowc_runtime.store.backends.external import ExternalFile
from flowc_runtime.store.records.artifact_versions import versions
from flowc_runtime.store.values.codecs import Encoded, load_value

if TYPE_CHECKING:
    from flowc_runtime.store.records.artifact_versions import ArtifactVersion
    from flowc_runtime.store.records.record_types import ArtifactRef
    from flowc_runtime.store.records.run_store import RunStore
    from flowc_runtime.store.records.store import Store

SHOWN = 12  # the number of characters of a digest that are printed


@click.command(
    "artifact",
    help="List the versions of the artifact FLOW/NAME, newest first. FLOW/NAME@DIGEST is one version; the beginning "
    "of its digest is enough.",
)
@click.argument("name", metavar="FLOW/NAME[@DIGEST]")
@click.option("--run", help="Only versions of this run; may be `latest`.")
@click.option("--step", help="Only versions of this step.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Show at most this number.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write the value to FILE: bytes, text and files as their content, any other value as a pickle.",
)
@json_option
@with_verify_option
@store_option
def artifact_command(
    name: str,
    run: str | None,
    step: str | None,
    limit: int,
    output: str | None,
    as_json: bool,
    store_url: str | None,
) -> None:
    """List the versions of an artifact, or write the value of one version to a file."""
    flow, _, rest = name.partition("/")
    artifact, at, digest = rest.partition("@")
    if not (flow and artifact) or (at and not re.fullmatch(r"[0-9a-f]{4,64}", digest)):
        raise click.UsageError(f"not an artifact: {name!r}; give FLOW/NAME, or FLOW/NAME@DIGEST with at least 4 digits")
    if output and not digest:
        raise click.UsageError(f"--output needs a version: give {name}@DIGEST; flowc artifact {name} lists the digests")
    store = open_store(store_url)
    found = _find(store, flow, artifact, digest, run, step, limit)
    if output:
        _write(store.run(flow, found[0].run), found[0], Path(output))
    elif as_json:
        click.echo(json_text.shown([_row(flow, version) for version in found], indent=2))
    else:
        table([_line(version) for version in found])


def _find(
    store: Store, flow: str, name: str, digest: str, run: str | None, step: str | None, limit: int
) -> list[ArtifactVersion]:
    runs = store.runs(flow)
    if not runs:
        no_flow(store, flow)
    run = runs[-1] if run == "latest" else run
    runs_line = command_on(store.objects.url, "flowc", "runs", flow)
    if run is not None and run not in runs:
        fail(f"flow '{flow}' has no run '{run}'", runs_line)
    every = versions(store, flow, name, run=run, step=step)
    with working(f"looking for a version of {flow}/{name}"):
        matching = [version for version in every if version.digest.startswith(digest)] if digest else []
    if len({version.digest for version in matching}) > 1:
        fail(f"several versions of {flow}/{name} begin with {digest}",
             "digests: " + ", ".join(sorted({version.digest[: len(digest) + 8] for version in matching})))  # fmt: skip
    with working(f"looking for versions of {flow}/{name}"):
        found = list(islice(matching if digest else every, limit))
    if not found:
        if (given := store.run(flow, run or runs[-1])).exists() and name in given.record()["parameters"]:
            fail(f"'{name}' is a parameter of flow '{flow}', and parameters have no versions in the store",
                 f"{runs_line} --parameter {name}=… finds the runs with a value")  # fmt: skip
        where = "".join([f" in run {run}" if run else "", f" in step {step}" if step else ""])
        version = f"version {digest} of artifact" if digest else "artifact"
        dump = command_on(store.objects.url, "flowc", "dump", f"{flow}/latest/end")
        fail(f"flow '{flow}' has no {version} '{name}'{where}", f"{dump} prints the artifacts of the step 'end'")
    return found


def _line(version: ArtifactVersion) -> list[str]:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(version.when))
    place = task_pathspec(version.run, version.step, path=version.path)
    external = version.ref.get("external")
    about = external["path"] if external else version.ref["repr"]
    return [when, place, version.digest[:SHOWN], f"{version.size:,} bytes", version.ref["type"], about]


def _row(flow: str, version: ArtifactVersion) -> dict[str, object]:
    row: dict[str, object] = {
        "flow": flow,
        "run": version.run,
        "step": version.step,
        "task": task_id(version.step, version.path),
    }
    ref = version.ref
    row |= {"digest": version.digest, "size": version.size, "when": version.when}
    row |= {"type": ref["type"], "codec": ref["codec"], "repr": ref["repr"]}
    if "pickler" in ref:
        row["pickler"] = ref["pickler"]
    return row | ({"external": ref["external"]} if "external" in ref else {})


def _write(run: RunStore, version: ArtifactVersion, file: Path) -> None:
    sys.path.insert(0, "")  # unpickling may import modules of the flow from the working directory
    with writing(file), working(f"writing {file}"):
        what = _write_value(run, version.ref, file)
    place = task_pathspec(version.run, version.step, path=version.path)
    click.echo(f"{file}: {what} of {place}, {file.stat().st_size:,} bytes")


def _write_value(run: RunStore, ref: ArtifactRef, file: Path) -> str:
    value = load_value(run.objects, ref, class_finder(run))
    if isinstance(value, ExternalFile):
        with value.open() as source, file.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        return f"the content of {value.path}"
    if isinstance(value, (bytes, bytearray)):
        file.write_bytes(value)
        return "the bytes"
    if isinstance(value, str):
        file.write_text(value, encoding="utf-8", newline="")
        return "the text"
    file.write_bytes(Encoded(value, in_band=True).stream)
    return f"a pickle of the {ref['type']}"
