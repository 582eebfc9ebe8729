"""Loads a pipeline from a YAML file (`flowc run pipeline.yaml`).

All faults of the file's structure are reported together. Faults of the functions and notebooks that the file names are
reported only if its structure has no fault.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flowc.diagnostics import in_order
from flowc.frontends.loaded import Loaded
from flowc.frontends.pipeline.lower_pipeline import load_pipeline
from flowc.frontends.yaml.yaml_dag import DagReader
from flowc.frontends.yaml.yaml_list import ListReader
from flowc.frontends.yaml.yaml_objects import YamlObjects
from flowc.frontends.yaml.yaml_shapes import add_wrong
from flowc.frontends.yaml.yaml_tables import DAG_FORM, LIST_FORM
from flowc.frontends.yaml.yaml_tree import Keyed, parse_yaml
from flowc.package import pack
from flowc.pipeline.steps import PythonTask
from flowc_ir import Span, codes
from flowc_ir.diagnostic import Faults
from flowc_ir.suggestion import closest, did_you_mean
from flowc_runtime.process.loader import put_first_on_path

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from flowc.pipeline.pipelines import BasePipeline

_FORMS: Final = "write `steps:` with a list of steps, or `dag:` with start_at and steps"


def load_yaml(path: Path, root: Path | None = None, suffixes: Collection[str] = ()) -> Loaded:
    """Load a pipeline from a YAML file.

    Args:
        path: the YAML file.
        root: the root directory of the pipeline's code; None to search for the root.
        suffixes: endings of file names; files with these endings are packaged in addition to Python files.

    Returns:
        The flow, or its faults.

    Raises:
        YamlMissing: PyYAML is not installed.
        OSError: the file cannot be read.
    """
    path = Path(os.path.abspath(path))
    faults = Faults()
    pipeline = _read(path, faults)
    if pipeline is None:
        return Loaded(package=pack(path.parent, []), diagnostics=in_order(faults))
    root = root.resolve() if root is not None else _root(path, pipeline)
    put_first_on_path(str(root))
    home = root, Path(os.path.relpath(path, root)).as_posix()
    return load_pipeline(pipeline, suffixes=suffixes, home=(home[0], home[1]))


def _read(path: Path, faults: Faults) -> BasePipeline | None:
    """Return the pipeline of a file; None if the file has faults, which are reported."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        at = Span(path.name, error.object.count(b"\n", 0, error.start) + 1, 1)
        faults.add(codes.YAML_SYNTAX, at, f"{path.name} is not UTF-8: {error.reason}", hint="save it as UTF-8")
        return None
    root = parse_yaml(text, path.name, faults)
    if root is None:
        return None
    if not isinstance(root, Keyed):
        add_wrong(root, path.name, "a pipeline", faults, hint=_FORMS)
        return None
    objects = YamlObjects(faults, str(path))
    if root.get("dag") is not None:
        return DagReader(objects).read(root, path.stem)
    if root.get("steps") is not None:
        return ListReader(objects).read(root, path.stem)
    _add_no_pipeline(root, path.name, faults)
    return None


def _add_no_pipeline(root: Keyed, file: str, faults: Faults) -> None:
    if root.get("apiVersion") is not None:
        message, hint = f"{file} is a Kubernetes manifest, not a pipeline", "kubectl apply -f applies it"
    elif root.get("start_at") is not None:
        message, hint = f"{file} has no key 'dag'", "put start_at and steps below `dag:`"
    else:
        near = next((found for key, _ in root.entries if (found := closest(key.text, ("steps", "dag")))), None)
        message = f"{file} has neither 'steps' nor 'dag'"
        hint = did_you_mean(near) if near else _FORMS
        if root.get("job") is not None:
            hint = "a job is a pipeline of one step: write it as the only item of `steps:`"
    known = {*LIST_FORM.fields, *DAG_FORM.fields}
    at = next((key.span for key, _ in root.entries if key.text not in known), root.span)
    faults.add(codes.NO_FLOW, at, message, hint=hint)


def _root(path: Path, pipeline: BasePipeline) -> Path:
    """Return the root directory of the code. It is searched from the file's directory upwards to the working directory:
    the first directory that contains a module of the pipeline's functions is the root. If no directory contains one of
    these modules, the root is the file's directory.
    """
    here, modules = Path.cwd(), {*_modules(pipeline)}
    directory = path.parent
    above = [directory, *directory.parents] if directory.is_relative_to(here) else [directory]
    for place in above:
        if any((place / f"{name}.py").is_file() or (place / name).is_dir() for name in modules):
            return place
        if place == here:
            break
    return directory


def _modules(pipeline: BasePipeline) -> Iterator[str]:
    """Yield the top-level names of the modules of a pipeline's functions."""
    for each in (pipeline, *pipeline.inner()):
        for step in each.steps:
            if isinstance(step, PythonTask) and isinstance(step.function, str):
                yield step.function.partition(".")[0].partition(":")[0]
