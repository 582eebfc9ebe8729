"""Make random generators in forked children behave like those in pods.

A pod imports the flow itself. A generator that the flow seeds during import starts from that seed in every task; any
other generator is random in each task. A forked child inherits the state of all generators, so it restores the seeded
ones and reseeds the others.

This module does not import `random`: once imported, it is reseeded by Python in each fork, which takes time.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from importlib._abc import Loader  # `importlib.abc` would be slower to import
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import TypeAlias

    Seed: TypeAlias = Callable[[int | float | str | bytes | bytearray | None, int], None]

_STANDARD: Final = os.path.join(os.path.dirname(os.__file__), "random.py")


class Seeds:
    """The generators that the flow seeded during its import."""

    def __init__(self) -> None:
        self._seeded = False  # whether the flow called `random.seed`
        self._state: tuple[object, ...] | None = None  # the state of `random` after the flow's import
        self._seed: Seed | None = None  # `random.seed`, while it is replaced

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Observe the code in the `with` block: record whether it calls `random.seed`, and the state of `random` at its
        end."""
        finder = _RandomFinder(self._observe)
        if (random := sys.modules.get("random")) is not None:
            self._observe(random)
        else:
            sys.meta_path.insert(0, finder)
        try:
            yield
        finally:
            if finder in sys.meta_path:
                sys.meta_path.remove(finder)
            if self._seed is not None:
                random = sys.modules["random"]
                setattr(random, "seed", self._seed)  # noqa: B010 - mypy refuses the assignment
                self._state = random.getstate()

    def _observe(self, random: ModuleType) -> None:
        """Replace `random.seed` by a function that also records the call."""
        original: Seed = random.seed
        self._seed = original

        def seed(a: int | float | str | bytes | bytearray | None = None, version: int = 2) -> None:
            self._seeded = True
            original(a, version)

        setattr(random, "seed", seed)  # noqa: B010 - mypy refuses the assignment

    def enter_child(self) -> None:
        """Restore the seeded generators and reseed the others, in a forked child."""
        if self._seeded:  # otherwise nothing to do: Python itself reseeds `random` after a fork
            sys.modules["random"].setstate(self._state)
        numpy = sys.modules.get("numpy.random")
        # A generator that the flow seeded by np.random.seed has no seed sequence; a generator that numpy seeded itself
        # has a seed sequence.
        if numpy is not None and numpy.mtrand._rand._bit_generator.seed_seq is not None:
            numpy.seed()


@final
class _RandomFinder:
    """Calls `loaded` with the module `random` when it has been imported."""

    def __init__(self, loaded: Callable[[ModuleType], None]) -> None:
        self._loaded = loaded

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return the spec of `random` with another loader; None for any other module."""
        if name != "random":
            return None
        spec = PathFinder.find_spec(name)
        if spec is not None and spec.loader is not None and spec.origin == _STANDARD:
            spec.loader = _RandomLoader(spec.loader, self._loaded)
        return spec


@final
class _RandomLoader(Loader):
    """Loads `random` with the loader `loader`, then calls `loaded` with the module."""

    def __init__(self, loader: Loader, loaded: Callable[[ModuleType], None]) -> None:
        self._loader, self._loaded = loader, loaded

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Let Python create the module."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Execute the module's code."""
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._loaded(module)
