"""Well-known packages whose import must not be shared by a fork, though nothing that a process has shows it.

What is not listed is tried: `process_state` looks at what the process has before and after the import. How an entry was
found, and with which version, stands beside it; `python -m flowc_emulator.try_imports MODULE …` tries them again.
"""

from __future__ import annotations

from typing import Final

# package: (why, the version that was tried, how it was found)
UNSAFE: Final[dict[str, tuple[str, str, str]]] = {}

# Packages that register a function for the end of the process, which a task does not need: it is about what the package
# itself keeps in memory, or about files that it makes when it is used.
# function: (what it does, the version of the package that was tried)
HARMLESS_HANDLERS: Final[dict[str, tuple[str, str]]] = {
    "PIL._imaging.clear_cache": ("gives back memory", "12.0"),
    "certifi.core.exit_cacert_ctx": ("lets go of the file of certificates, which is not temporary", "2026.1"),
    "coverage.control.Coverage._atexit": ("saves what was measured; tasks save their own", "7.11"),
    "matplotlib._pylab_helpers.Gcf.destroy_all": ("closes the figures of pyplot", "3.10"),
}
