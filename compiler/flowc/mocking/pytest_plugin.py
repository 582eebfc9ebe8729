"""The pytest plug-in with the fixture `run_pipeline`. The plug-in imports flowc only if a test uses the fixture."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import pytest

from flowc_ir.late import LateFunction

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from flowc.pipeline.pipelines import BaseJob, BasePipeline
    from flowc.testing.pipeline_runs import PipelineResult
    from flowc.testing.pipeline_runs import run_pipeline as run_in_store
else:
    run_in_store = LateFunction("flowc.testing.pipeline_runs:run_pipeline")


@final
class RunPipeline:
    """Calls `flowc.testing.run_pipeline`. `store` is the directory of the store of runs, in the test's `tmp_path`."""

    def __init__(self, directory: Path) -> None:
        self.store = directory / ".flowc"

    def __call__(
        self,
        pipeline: BasePipeline | BaseJob,
        parameters: Mapping[str, object] | None = None,
        *,
        patches: Mapping[str, object] | None = None,
        mock: bool = False,
        check: bool = True,
    ) -> PipelineResult:
        """Run a pipeline. See `flowc.testing.run_pipeline` for the arguments, the result and the errors."""
        return run_in_store(pipeline, parameters, patches=patches, mock=mock, store=self.store, check=check)


@pytest.fixture
def run_pipeline(tmp_path: Path) -> RunPipeline:
    """Run pipelines whose runs are kept in a store in the test's `tmp_path`."""
    return RunPipeline(tmp_path)
