"""Build environments with their own Python interpreter for tasks that require packages; runs share them."""

from flowc_emulator.environments.build import ensure
from flowc_emulator.environments.interpreters import BuildError
from flowc_emulator.environments.isolation import Isolation
from flowc_emulator.environments.spec import Spec

__all__ = ["BuildError", "Isolation", "Spec", "ensure"]
