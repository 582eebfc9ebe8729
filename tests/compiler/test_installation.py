"""flowc's wheel beside packages that require `metaflow`, and the repair of installations that Metaflow overwrote."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, NamedTuple

import pytest

from flowc import __version__, distributions
from flowc_ir.schema import json_schema
from metaflow import __version__ as api_version
from project import ROOT
from small_flows import two_steps
from tools.wheels import copy_distributions, flowc_wheel, make_environment, write_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from project import Finished, Project

FLOW = two_steps("Hello", end='print("hello")')
SHADE = f"metaflow-{api_version}+flowc"


class Site(NamedTuple):
    """An environment in which flowc's wheel is installed, and a directory of wheels for pip."""

    project: Project
    python: Path
    wheel: Path

    def run(self, *words: str, **environment: str) -> Finished:
        """Run Python with these arguments."""
        return self.project.python(*words, timeout=120, **environment)

    def pip(self, *words: str) -> Finished:
        """Run pip, which finds packages only in the test's directory of wheels."""
        return self.run("-m", "pip", "--disable-pip-version-check", *words)

    def flowc(self, *words: str) -> Finished:
        """Run flowc."""
        return self.run("-m", "flowc", *words)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build flowc's wheel and others: two minimal versions of Metaflow, and an extension."""
    directory = tmp_path_factory.mktemp("wheels")
    flowc_wheel(directory)
    for version in (api_version, "2.99.0"):
        files = dict.fromkeys(("task", "runtime", "graph", "decorators"), "from .exception import MetaflowException\n")
        files |= {"__init__": "from .decorators import nothing\n", "exception": "", "plugins/__init__": ""}
        write_wheel(directory, "metaflow", version, {f"metaflow/{name}.py": text for name, text in files.items()})
    plugin = {"metaflow_extensions/loud/plugins/__init__.py": "", "metaflow_extensions/loud/plugins/x.html": "<b>"}
    write_wheel(directory, "metaflow-loud", "1.0", plugin, requires="metaflow>=2.11")
    write_wheel(directory, "metaflow-later", "1.0", {"later.py": ""}, requires="metaflow>=2.99")
    return directory


def test_the_licence_is_in_the_wheel(wheels: Path) -> None:
    (wheel,) = wheels.glob("flowc-*.whl")
    with zipfile.ZipFile(wheel) as files:
        (licence,) = (name for name in files.namelist() if name.endswith("licenses/LICENSE"))
        assert files.read(licence) == (ROOT / "LICENSE").read_bytes()


def test_the_json_schema_is_in_the_wheel(wheels: Path) -> None:
    (wheel,) = wheels.glob("flowc-*.whl")
    with zipfile.ZipFile(wheel) as files:
        assert files.read("flowc_ir/generated/schema.json").decode() == json_schema()


@pytest.fixture(scope="module")
def environment(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an environment with flowc's wheel; tests do not change it, but work on copies."""
    place = tmp_path_factory.mktemp("environment")
    python = make_environment(place)
    (wheel,) = wheels.glob("flowc-*.whl")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", wheel], check=True, capture_output=True)
    return place


@pytest.fixture
def site(wheels: Path, environment: Path, project: Project) -> Site:
    """Return a copy of the environment with flowc's wheel."""
    shutil.copytree(environment, project.root / "environment", symlinks=True)
    python = project.root / "environment" / "bin" / "python"
    project.write("flow.py", FLOW)
    del project.environment["PYTHONPATH"], project.environment["PYTHONWARNINGS"]
    project.environment |= {
        "PIP_NO_INDEX": "1", "PIP_NO_COMPILE": "1", "PIP_FIND_LINKS": str(wheels), "PIP_CONFIG_FILE": os.devnull,
    }  # fmt: skip
    (wheel,) = wheels.glob("flowc-*.whl")
    project.executable = str(python)
    return Site(project, python, wheel)


def is_whole(site: Site) -> bool:
    """Return whether flows run with flowc's `metaflow`, and `flowc doctor` finds no problem."""
    run = site.run("flow.py", "run")
    assert run.code == 0, run.err
    assert "hello" in run.out
    doctor = site.flowc("doctor")
    return doctor.code == 0 and "BAD" not in doctor.out


# -- the second distribution -------------------------------------------------------------------------------------------


def test_its_files_say_the_same(wheels: Path) -> None:
    """The API's version is in two files with the same value, and so is flowc's version."""
    info = ROOT / "sdk" / "distribution" / f"{SHADE}.dist-info"
    assert f"\nName: metaflow\nVersion: {api_version}{distributions.SUFFIX}\n" in (info / "METADATA").read_text()
    assert sorted(file.name for file in info.iterdir()) == [
        "INSTALLER",
        "METADATA",
        "WHEEL",
    ]  # RECORD is missing on purpose: pip would uninstall a distribution that has one
    assert f'"sdk/distribution" = "flowc-{__version__}.data/purelib"' in (ROOT / "pyproject.toml").read_text()


def test_a_package_that_requires_metaflow_is_content(site: Site) -> None:
    done = site.pip("install", "metaflow-loud")
    assert done.code == 0, done.err
    assert "Requirement already satisfied: metaflow>=2.11" in done.out
    assert site.pip("check").out == "No broken requirements found.\n"
    assert re.search(rf"^metaflow +{re.escape(api_version)}\+flowc$", site.pip("list").out, re.M)
    code = "import metaflow, importlib.metadata as m; print(metaflow.__version__, m.version('metaflow'))"
    assert site.run("-c", code).out == f"{api_version} {api_version}+flowc\n"
    assert is_whole(site)


def test_pip_does_not_replace_it(site: Site) -> None:
    for what in ("metaflow==2.99.0", "metaflow-later", "--force-reinstall metaflow"):
        done = site.pip("install", *what.split())
        assert done.code == 1
        assert f"Cannot uninstall metaflow {api_version}+flowc" in done.err
        assert "installed by flowc" in done.err
    assert is_whole(site)


def test_it_comes_and_goes_with_flowc(site: Site) -> None:
    assert site.pip("uninstall", "-y", "metaflow").code == 1
    assert site.pip("install", "--force-reinstall", "--no-deps", str(site.wheel)).code == 0
    assert is_whole(site)
    assert site.pip("uninstall", "-y", "flowc").code == 0
    (packages,) = (site.python.parents[1] / "lib").glob("python3*/site-packages")
    assert not [name for name in os.listdir(packages) if name.startswith(("metaflow", "flowc"))]


def test_an_editable_installation_has_it_too(site: Site) -> None:
    assert site.pip("uninstall", "-y", "flowc").code == 0
    build = "hatchling", "editables", "packaging", "pathspec", "pluggy", "tomlkit", "trove-classifiers"
    copy_distributions(site.python.parents[1], *build)
    done = site.pip("install", "--no-build-isolation", "--no-deps", "--editable", str(ROOT))
    assert done.code == 0, done.err
    assert site.pip("install", "metaflow-loud").code == 0
    assert site.pip("install", "metaflow==2.99.0").code == 1
    assert is_whole(site)


# -- overwritten installations -----------------------------------------------------------------------------------------


def overwrite(site: Site) -> None:
    """Install Metaflow over flowc, which happens if pip is asked to install both at once."""
    done = site.pip("install", "--ignore-installed", "--no-deps", f"metaflow=={api_version}")
    assert done.code == 0, done.err


def repaired(site: Site) -> Finished:
    """Run the commands that `flowc doctor` prints, and return the last result."""
    doctor = site.flowc("doctor")
    assert doctor.code == 1
    commands = set(re.findall(r"run `flowc (.*?)`", doctor.out))
    assert len(commands) == 1
    (command,) = commands
    return site.flowc(*command.split())


def test_overwritten(site: Site) -> None:
    overwrite(site)
    for words in (("run", "flow.py"), ("runs",)):
        done = site.flowc(*words)
        assert (done.code, done.err) == (
            1,
            "error: the distribution 'metaflow' has overwritten flowc's package 'metaflow'\n"
            "hint: run `flowc doctor --repair`, which uninstalls the conflicting packages and reinstalls flowc\n",
        )
    assert "files of flowc's `metaflow` are missing or overwritten (metaflow/__init__.py" in site.flowc("doctor").out
    done = repaired(site)
    assert done.code == 0, done.err
    assert f"-m pip install --no-deps {site.wheel}" in done.out
    assert is_whole(site)
    assert not re.search(r"^metaflow +[0-9.]+$", site.pip("list").out, re.M)


def test_overwritten_and_gone(site: Site) -> None:
    """If flowc was installed over Metaflow, `pip uninstall metaflow` also removes files of flowc."""
    site.pip("uninstall", "-y", "flowc")
    site.pip("install", f"metaflow=={api_version}")
    site.pip("install", "--no-deps", str(site.wheel))
    for info in site.python.parents[1].glob("lib/python3*/site-packages/metaflow-*+flowc.dist-info"):
        shutil.rmtree(info)  # so that pip finds Metaflow's metadata, not those of flowc's `metaflow`
    assert site.pip("uninstall", "-y", "metaflow").code == 0
    done = site.flowc("check", "flow.py")
    assert (done.code, done.err.count("\n")) == (1, 2)
    assert "flowc's package 'metaflow' is missing, or only parts of it remain" in done.err
    done = repaired(site)
    assert done.code == 0, done.err
    assert is_whole(site)


def test_below_flowc(site: Site) -> None:
    """If Metaflow was installed before flowc, flows run, and each command reports the problem."""
    site.pip("uninstall", "-y", "flowc")
    site.pip("install", f"metaflow=={api_version}")
    site.pip("install", "--no-deps", str(site.wheel))
    said = "warning: the distribution 'metaflow' has files among those of flowc's package 'metaflow'\n"
    for done in (site.flowc("run", "flow.py"), site.run("flow.py", "run")):
        assert done.code == 0, done.err
        assert done.err.startswith(said)
    assert repaired(site).code == 0
    assert is_whole(site)
    assert "warning" not in site.flowc("run", "flow.py").err
    assert "nothing to repair" in site.flowc("doctor", "--repair").out


def test_what_flowc_came_from_is_gone(site: Site, tmp_path: Path) -> None:
    copy = tmp_path / site.wheel.name
    copy.write_bytes(site.wheel.read_bytes())
    site.pip("install", "--force-reinstall", "--no-deps", str(copy))
    copy.unlink()
    overwrite(site)
    done = repaired(site)
    assert (done.code, done.out) == (1, "")  # nothing was uninstalled
    assert f"error: flowc was installed from {copy}, which is gone: add --from with a wheel" in done.err
    assert site.flowc("doctor", "--repair", "--from", str(site.wheel)).code == 0
    assert is_whole(site)


def test_a_repair_that_fails_says_how_to_go_on(site: Site, tmp_path: Path) -> None:
    overwrite(site)
    broken = tmp_path / site.wheel.name
    broken.write_bytes(b"no wheel")
    done = site.flowc("doctor", "--repair", "--from", str(broken))
    assert done.code == 1
    (left,) = re.findall(r"^  (.* install --no-deps .*)$", done.err, re.M)
    broken.write_bytes(site.wheel.read_bytes())
    subprocess.run(left, shell=True, check=True, env=site.project.environment, capture_output=True)
    assert is_whole(site)


def test_uv_repairs_where_there_is_no_pip(site: Site, tmp_path: Path) -> None:
    """Without pip, `flowc doctor --repair` calls uv; the test replaces uv by a program that prints its arguments."""
    overwrite(site)
    site.pip("uninstall", "-y", "pip")
    assert "this environment has neither pip nor uv" in site.flowc("doctor", "--repair").err
    uv = tmp_path / "bin" / "uv"
    uv.parent.mkdir()
    uv.write_text(f'#!{sys.executable}\nimport sys; print("uv", *sys.argv[1:], file=sys.stderr)\n')
    uv.chmod(0o755)
    done = site.run("-m", "flowc", "doctor", "--repair", PATH=f"{uv.parent}{os.pathsep}{os.environ['PATH']}")
    on = f"--python {site.python}"
    assert done.err.splitlines()[:3] == [
        f"uv pip uninstall {on} flowc", f"uv pip uninstall {on} metaflow", f"uv pip install {on} --no-deps {site.wheel}",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (None, ["flowc==9.9"]),
        ({"url": "https://host/flowc.whl", "archive_info": {}}, ["flowc @ https://host/flowc.whl"]),
        (
            {"url": "https://host/flowc.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            ["flowc @ git+https://host/flowc.git@abc"],
        ),
        ({"url": "file:///tmp", "dir_info": {}}, ["/tmp"]),
        ({"url": "file:///tmp", "dir_info": {"editable": True}}, ["--editable", "/tmp"]),
    ],
)
def test_flowc_is_installed_from_where_it_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, origin: object, expected: list[str]
) -> None:
    info = tmp_path / "flowc-9.9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: flowc\nVersion: 9.9\n")
    if origin is not None:
        (info / "direct_url.json").write_text(json.dumps(origin))
    monkeypatch.syspath_prepend(str(tmp_path))
    *_, last = distributions.repair_commands()
    assert last[-len(expected) - 1 :] == ["--no-deps", *expected]
