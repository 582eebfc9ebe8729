"""Tables of well-known packages: packages that must not be imported before a fork, and packages that leave only
harmless state.

Other packages are tested when they are imported: `process_state` compares the state of the process before and after the
import. The version in each entry is the tested version; docs/starts.md lists all tested versions. `python -m
flowc_emulator.processes.try_imports MODULE …` tests the modules again.
"""

from __future__ import annotations

from typing import Final

from flowc_ir.late.namedtuple import NamedTuple


class ForkHazard(NamedTuple):
    """The reason why a package must not be imported before a fork; `why` completes a sentence that begins with
    "importing it "."""

    why: str
    version: str
    evidence: str
    """The kind of state that a test found after the import, such as `threads after the import`."""
    seconds: float
    """The duration of the package's import in seconds."""


class Harmless(NamedTuple):
    """The reason why a fork may share a function, thread or finalizer that an import leaves."""

    what: str
    version: str


class Pool(NamedTuple):
    """Threads that a package starts when it is first used.

    A forked process does not have these threads, but its copy of the global variable `flag` shows that they were
    started.
    """

    why: str
    version: str
    flag: str


# The keys are names of packages.
UNSAFE: Final[dict[str, ForkHazard]] = {
    "ddtrace": ForkHazard("starts 3 threads (tokio-rt-worker, …)", "4.16.0", "threads after the import", 1.0),
    "distributed": ForkHazard(
        "registers a function that closes clients and clusters at exit", "2026.8.0", "exit handlers", 3.2
    ),
    "duckdb": ForkHazard("registers a function that closes its databases at exit", "2.0.1", "exit handlers", 0.6),
    "jax": ForkHazard("registers a function that waits for its computations at exit", "0.10.2", "exit handlers", 3.1),
    "mlflow": ForkHazard("registers a function that ends an active run at exit", "3.17.2", "exit handlers", 3.6),
    "polars": ForkHazard("starts 1 thread (polars-ooc-clea)", "2.1.0", "threads after the import", 1.0),
    "ray": ForkHazard("registers a function that shuts Ray down at exit", "2.60.0", "exit handlers", 1.9),
    "tensorflow": ForkHazard("registers native code that runs at exit", "2.21.0", "exit handlers", 18.0),
    "wandb": ForkHazard("makes a temporary directory that is deleted at exit", "0.31.0", "finalizers", 2.2),
}

# The keys are the functions that are registered for the end of the process. A task does not need these functions: they
# release the package's own memory, or resources that the package creates on first use.
HARMLESS_HANDLERS: Final[dict[str, Harmless]] = {
    "PIL._imaging.clear_cache": Harmless("frees unused memory of images", "13.0.0"),
    "blis.cy.finalize": Harmless("frees memory of native code", "1.3.4"),
    "certifi.core.exit_cacert_ctx": Harmless("deletes a copy of a certificate from a zip file", "2026.7"),
    "coverage.control.Coverage._atexit": Harmless("saves measured coverage; each task saves its own", "7.11"),
    "filelock._core._shutdown._release_live_locks": Harmless("releases locks, as the system does at exit", "4.3.1"),
    "h5py._conv.unregister_converters": Harmless("frees memory of native code", "3.14.0"),
    "huggingface_hub.utils._http.close_session": Harmless(
        "closes connections, as the system does at exit", "transformers 5.24"
    ),
    "llvmlite.binding.common._at_shutdown": Harmless("records that the process ends", "0.48"),
    "loguru._logger.Logger.remove": Harmless("stops sinks; each import of the flow adds the flow's own sinks", "0.7.3"),
    "matplotlib._pylab_helpers.Gcf.destroy_all": Harmless("closes the figures of pyplot", "3.11.2"),
    "numba.core.utils._at_shutdown": Harmless("records that the process ends", "0.68.1"),
    "pymongo.synchronous.monitor._shutdown_resources": Harmless(
        "stops threads, which also end with the process", "4.20.1"
    ),
    "pyarrow._s3fs.ensure_s3_finalized": Harmless("shuts down the S3 client if it was started", "26.0.1"),
}

# The keys are names of threads that native code starts.
HARMLESS_THREADS: Final[dict[str, Harmless]] = {
    "jemalloc_bg_thd": Harmless(
        "returns unused memory; after a fork, jemalloc does so without the thread", "pyarrow 26.0.1"
    ),
}

# The keys are names of functions that a `weakref.finalize` calls at the end of the process.
HARMLESS_FINALIZERS: Final[dict[str, Harmless]] = {
    "numba.core.dispatcher._DispatcherBase._make_finalizer.<locals>.finalizer": Harmless(
        "discards compiled code", "numba 0.68.1"
    ),
    "numba.core.runtime.nrt._Runtime.shutdown": Harmless("frees compiled code", "numba 0.68.1"),
}

# Thread pools. The key is the module that contains the global variable named by `Pool.flag`.
POOLS: Final[dict[str, Pool]] = {
    "numba.np.ufunc.parallel": Pool(
        "starts numba's threads, which abort a forked process", "0.68.1", "_is_initialized"
    ),
}
