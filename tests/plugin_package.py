"""A package with a source of secrets and a pickler; tests install it with pip into a directory of its own."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SECRETS = """
    from pathlib import Path


    class Vault:
        def read(self, names, place):
            lines = dict(line.split(": ") for line in Path(place).read_text().splitlines())
            if lines.get("sealed"):
                raise PermissionError(f"no access to {lines}")
            return lines


    class Number:
        def read(self, names, place):
            return {name: 5 for name in names}


    VAULT, NUMBER = Vault(), Number()
    """

PICKLERS = """
    import pickle

    BEGIN = b"chosen\\n"


    class Backwards:
        def dumps(self, value):
            return BEGIN + pickle.dumps(value, protocol=4)[::-1]

        def loads(self, data):
            assert data.startswith(BEGIN)
            return pickle.loads(data.removeprefix(BEGIN)[::-1])


    class Text:
        def dumps(self, value):
            return repr(value)

        def loads(self, data):
            return eval(data)


    BACKWARDS, TEXT = Backwards(), Text()
    """

PROJECT = """
    [build-system]
    requires = ["hatchling"]
    build-backend = "hatchling.build"

    [project]
    name = "chosen-plugins"
    version = "1"

    [project.entry-points."flowc.secrets"]
    vault = "chosen_plugins.secrets:VAULT"
    number = "chosen_plugins.secrets:NUMBER"
    aclass = "chosen_plugins.secrets:Vault"

    [project.entry-points."flowc.picklers"]
    backwards = "chosen_plugins.picklers:BACKWARDS"
    text = "chosen_plugins.picklers:TEXT"

    [tool.hatch.build.targets.wheel]
    packages = ["chosen_plugins"]
    """


def install(directory: Path) -> Path:
    """Build the package and install it with pip; return the directory for `PYTHONPATH`."""
    package = directory / "source" / "chosen_plugins"
    package.mkdir(parents=True)
    told = 'import sys\n\nprint("the package is imported", file=sys.stderr)\n'
    for name, text in {"__init__.py": told, "secrets.py": SECRETS, "picklers.py": PICKLERS}.items():
        (package / name).write_text(dedent(text), encoding="utf-8")
    (package.parent / "pyproject.toml").write_text(dedent(PROJECT), encoding="utf-8")
    site = directory / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    where = ["--no-deps", "--no-build-isolation", "--no-index", "--target", str(site), str(package.parent)]
    subprocess.run([*pip, *where], check=True, capture_output=True)
    return site
