"""Distributed training with PyTorch in a `@parallel` step.

This module does not import torch; only the step's code imports it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, ClassVar, cast
from zlib import crc32

from metaflow.exception import MetaflowException
from metaflow.metaflow_current import current
from metaflow.plugins.parallel_decorator import ParallelDecorator

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PytorchParallelDecorator", "setup_torch_distributed"]


class PytorchParallelDecorator(ParallelDecorator):
    """`@pytorch_parallel`: a `@parallel` step whose tasks call `setup_torch_distributed(master_port)` before the step's
    code."""

    name = "pytorch_parallel"
    defaults: ClassVar[Mapping[str, Any]] = {"master_port": None}

    def setup_distributed_env(self, flow: object) -> None:
        """Set the environment variables that PyTorch reads."""
        setup_torch_distributed(cast("int | str | None", self.attributes["master_port"]))


def setup_torch_distributed(master_port: int | str | None = None) -> None:
    """Set the environment variables from which `torch.distributed.init_process_group` reads the members of the group.

    The variables are MASTER_ADDR, MASTER_PORT, NODE_RANK, NUM_NODES and WORLD_SIZE, and a variable with the backend for
    PyTorch Lightning. By default, the port is derived from the run's id: it is the same in all tasks of a run, and
    usually differs between runs.

    Raises:
        MetaflowException: the code does not run in a task of a step with `num_parallel`.
    """
    parallel = current.get("parallel")
    if parallel is None:
        raise MetaflowException("setup_torch_distributed() is valid only in a @parallel step of a running flow")
    nodes = str(parallel.num_nodes)
    os.environ.update(
        MASTER_ADDR=str(parallel.main_ip),
        MASTER_PORT=str(master_port or 51000 + crc32(str(current.run_id).encode()) % 10000),
        NODE_RANK=str(parallel.node_index),
        NUM_NODES=nodes,
        WORLD_SIZE=nodes,
        PL_TORCH_DISTRIBUTED_BACKEND="gloo",
    )
