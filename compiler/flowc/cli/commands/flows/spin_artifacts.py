"""`spin --artifacts-module FILE`: replaces artifacts of the step's inputs."""

from __future__ import annotations

import os
import runpy
import traceback
from typing import TYPE_CHECKING

from flowc.cli.options.common import fail
from flowc.diagnostics import describe
from flowc.frontends.metaflow.defaults import json_value
from flowc.frontends.metaflow.parameters import declared_parameters
from flowc_runtime.base.errors import ArtifactError
from flowc_runtime.store.values.codecs import store_value
from flowc_runtime.store.values.parameters import ParameterError

if TYPE_CHECKING:
    from flowc.cli.options.loading import Checked
    from flowc_runtime.store.backends.objects import Objects
    from flowc_runtime.store.records.record_types import ArtifactRef


def overrides(checked: Checked, objects: Objects, file: str | None) -> tuple[dict[str, ArtifactRef], dict[str, object]]:
    """Return the artifacts and the parameters that the file of `--artifacts-module` sets.

    Args:
        checked: the flow.
        objects: the store for the artifacts.
        file: a Python file that defines the dictionary ARTIFACTS, or None for no file.

    Returns:
        The references to the stored artifacts, by the artifact's name, and the values of parameters, by the parameter's
        name.

    Raises:
        SystemExit: the file cannot be used: it is faulty, has an invalid value, or sets a config or a parameter of type
            file. The error is printed.
    """
    flow, declared = checked.flow, declared_parameters(checked.cls)
    parameters = {parameter.attribute or parameter.name: parameter for parameter in flow.parameters}
    configs = {config.attribute or config.name: config.name for config in flow.configs}
    stored: dict[str, ArtifactRef] = {}
    values: dict[str, object] = {}
    for name, value in _artifacts(file).items() if file is not None else ():
        if name in configs:
            fail(f"{file} sets '{name}', which is a config", f"set it by --config-value {configs[name]} TEXT")
        parameter = parameters.get(name)
        try:
            if parameter is None:
                stored[name] = store_value(objects, value)
            elif parameter.type == "file":
                fail(f"{file} sets '{name}', which is a parameter for a file", f"set it by --{parameter.name} FILE")
            else:
                values[parameter.name] = json_value(declared[parameter.name], parameter, value)
        except (ArtifactError, ParameterError) as error:
            fail(f"{file} sets '{name}' to an invalid value: {error}")
    return stored, values


def _artifacts(file: str) -> dict[str, object]:
    if not os.path.isfile(file):
        fail(f"there is no file '{file}'", "--artifacts-module takes a Python file")
    try:
        values = runpy.run_path(file).get("ARTIFACTS")
    except (Exception, SystemExit) as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
        fail(f"{file}{f', line {lines[-1]}' if lines else ''}: {describe(error)}")
    if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
        fail(f"{file} does not set ARTIFACTS", "add ARTIFACTS = {'name': value} to it")
    return values
