"""@pypi and @conda: tasks run in their own interpreters, which are built once and reused.

pip and uv are configured to find packages only in a directory of wheels that the tests build.
"""

from __future__ import annotations

import fcntl
import os
import platform
import re
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flowc_emulator.environments import BuildError, build, interpreters, pythons
from flowc_emulator.environments.spec import Spec, make_spec, match_spec, requirement
from flowc_ir import Packages
from project import has_ended, wait_until
from screen import screen
from terminal import Terminal
from tools.wheels import write_wheel

if TYPE_CHECKING:
    from project import Project

FLOW = """
    from metaflow import FlowSpec, step, pypi

    class Greeting(FlowSpec):
        @pypi(packages={"flowc-tests-hello": "1.0"})
        @step
        def start(self):
            import flowc_tests_hello
            self.version = flowc_tests_hello.VERSION
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        Greeting()
    """


def make_wheel(directory: Path, name: str, version: str) -> None:
    """Build a wheel with one module that has a version, and with one program."""
    module = name.replace("-", "_")
    program = f"VERSION = {version!r}\ndef main():\n    print('hello from', VERSION)\n"
    points = f"[console_scripts]\n{name} = {module}:main\n"
    write_wheel(directory, name, version, {f"{module}.py": program}, entry_points=points)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the shared cache for tests that do not test how environments are built."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def wheels(project: Project, cache: Path) -> Project:
    """Return a project in which pip and uv find only two versions of one package."""
    directory = project.root / "wheels"
    directory.mkdir()
    for version in ("1.0", "2.0"):
        make_wheel(directory, "flowc-tests-hello", version)
    project.environment |= {
        "XDG_CACHE_HOME": str(cache),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(directory),
        "PIP_CONFIG_FILE": os.devnull,
        "UV_PYTHON_DOWNLOADS": "never",
    }
    return project


def hide_uv(project: Project) -> None:
    """Hide uv from the project's programs, because flowc prefers uv to pip."""
    project.write(
        "without/sitecustomize.py",
        """
        import importlib.util

        found = importlib.util.find_spec
        importlib.util.find_spec = lambda name, package=None: None if name == "uv" else found(name, package)
        """,
    )
    project.environment["PYTHONPATH"] = str(project.root / "without")
    path = os.environ["PATH"].split(os.pathsep)
    project.environment["PATH"] = os.pathsep.join(each for each in path if not shutil.which("uv", path=each))


def own_cache(project: Project) -> Path:
    project.environment["XDG_CACHE_HOME"] = str(project.root / "cache")
    return project.root / "cache" / "flowc" / "envs"


# -- environments of steps ---------------------------------------------------------------------------------------------


def test_every_step_has_what_it_asks_for_and_nothing_else(wheels: Project) -> None:
    wheels.write(
        "flow.py",
        """
        import subprocess, sys
        from metaflow import FlowSpec, current, pypi, pypi_base, step

        def has(name):
            try:
                __import__(name)
            except ModuleNotFoundError:
                return False
            return True

        @pypi_base(packages={"flowc-tests-hello": "1.0"})
        class Isolated(FlowSpec):
            @step
            def start(self):
                import flowc_tests_hello
                self.version = flowc_tests_hello.VERSION
                self.says = subprocess.run(["flowc-tests-hello"], capture_output=True, text=True).stdout
                self.has_click = has("click")
                self.items = [1, 2]
                self.next(self.newer, foreach="items")

            @pypi(packages={"flowc_tests_hello": ">=2"})
            @step
            def newer(self):
                import flowc_tests_hello
                self.mine = (self.input, current.task_id, flowc_tests_hello.VERSION, self.version)
                self.next(self.join)

            @pypi(disabled=True)
            @step
            def join(self, inputs):
                self.mine = [each.mine for each in inputs]
                self.here = (has("click"), has("flowc_tests_hello"), sys.executable)
                self.next(self.end)

            @step
            def end(self):
                print("from", "elsewhere: é")
                print("to stderr", file=sys.stderr)
        """,
    )
    run = wheels.run("flow.py", "--environment=pypi")
    start = wheels.artifacts(run, "start")
    assert (start["version"], start["says"], start["has_click"]) == ("1.0", "hello from 1.0\n", False)
    join = wheels.artifacts(run, "join")
    assert join["mine"] == [(1, "newer-0.0", "2.0", "1.0"), (2, "newer-0.1", "2.0", "1.0")]
    assert join["here"] == (True, False, sys.executable)
    assert "from elsewhere: é" in wheels.flowc("logs", f"{run.flow}/{run.id}/end").out


def test_the_whole_api_is_there_without_what_the_command_line_needs(wheels: Project) -> None:
    """`from metaflow import *` imports every public name, also Runner, without click, rich, yaml and kubernetes."""
    wheels.write(
        "flow.py",
        """
        from importlib.util import find_spec
        from metaflow import *

        class Bare(FlowSpec):
            @pypi(packages={})
            @step
            def start(self):
                self.lacks = [name for name in ("click", "rich", "yaml", "kubernetes") if find_spec(name) is None]
                self.has = [made.__name__ for made in (Runner, NBRunner, Deployer, S3)]
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    start = wheels.artifacts(wheels.run("flow.py", "--environment=pypi"), "start")
    assert start["lacks"] == ["click", "rich", "yaml", "kubernetes"]
    assert start["has"] == ["Runner", "NBRunner", "Deployer", "S3"]


def test_artifacts_pass_between_versions_of_python(wheels: Project) -> None:
    other = next((v for v in ("3.12", "3.13", "3.10", "3.11") if _other_python(v)), None)
    if other is None:
        pytest.skip("needs a second version of Python")
    wheels.environment["PATH"] = f"{os.path.dirname(_other_python(other) or '')}:{os.environ['PATH']}"
    wheels.write(
        "flow.py",
        f"""
        import sys
        from metaflow import FlowSpec, pypi, step

        class Versions(FlowSpec):
            @pypi(python="{other}")
            @step
            def start(self):
                self.big = bytearray(b"x" * 1_000_000)
                self.version = "%d.%d" % sys.version_info[:2]
                self.next(self.end)

            @pypi(disabled=True)
            @step
            def end(self):
                self.back = len(self.big), self.version
        """,
    )
    run = wheels.run("flow.py", "--environment=conda")  # conda means pypi
    assert wheels.artifacts(run, "end")["back"] == (1_000_000, other)


def _other_python(version: str) -> str | None:
    if sys.version.startswith(f"{version}."):
        return None
    try:
        return interpreters.find(version).path
    except BuildError:
        return None


def test_failures_are_those_of_any_step(wheels: Project) -> None:
    """Retries, @catch, timeouts and killed processes work as in steps without their own interpreter."""
    wheels.write(
        "flow.py",
        """
        import os, signal
        from metaflow import FlowSpec, catch, current, pypi_base, retry, step, timeout

        @pypi_base
        class Failing(FlowSpec):
            @retry(times=1)
            @step
            def start(self):
                if current.retry_count == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                self.attempt = current.retry_count
                self.next(self.slow)

            @catch(var="late")
            @timeout(seconds=1)
            @step
            def slow(self):
                signal.pause()
                self.next(self.end)

            @step
            def end(self):
                raise ValueError(f"{self.attempt} {'timeout' if 'timeout of 1 s' in str(self.late) else self.late}")
        """,
    )
    done = wheels.flowc("run", "flow.py", "--environment=pypi")
    assert done.code == 1
    assert "error: step 'end' failed: ValueError: 1 timeout\n  --> flow.py:23 in end\n" in done.err


def test_a_data_file_is_there_in_a_gang_and_in_an_environment(wheels: Project) -> None:
    wheels.write("sub/query.sql", "select 1")
    wheels.write(
        "flow.py",
        """
        from pathlib import Path
        from metaflow import FlowSpec, parallel, pypi, step

        def query():
            return (Path(__file__).parent / "sub" / "query.sql").read_text().strip()

        class Reads(FlowSpec):
            @step
            def start(self):
                self.next(self.train, num_parallel=2)

            @parallel
            @step
            def train(self):
                self.query = query()
                self.next(self.join)

            @step
            def join(self, inputs):
                self.of_gang = [each.query for each in inputs]
                self.next(self.end)

            @pypi(packages={"flowc-tests-hello": "1.0"})
            @step
            def end(self):
                import flowc_tests_hello
                self.of_environment = query()

        if __name__ == "__main__":
            Reads()
        """,
    )
    done = wheels.python("flow.py", "--environment", "pypi", "--package-suffixes", ".sql", "run")
    assert done.code == 0, done.err
    values = wheels.artifacts(wheels.latest(), "end")
    assert (values["of_gang"], values["of_environment"]) == (["select 1", "select 1"], "select 1")


def test_what_the_flow_imports_must_be_in_each_environment(wheels: Project) -> None:
    wheels.write("flow.py", FLOW.replace("from metaflow import", "import click\n    from metaflow import"))
    done = wheels.flowc("run", "flow.py", "--environment=pypi")
    assert done.code == 1
    assert "error: step 'start' failed: ModuleNotFoundError: No module named 'click'" in done.err


def test_cards_resume_and_spin_of_isolated_steps(wheels: Project) -> None:
    """Tasks of new runs, of `resume` and of `spin` run in the step's own interpreter."""
    wheels.write(
        "flow.py",
        """
        import os
        from metaflow import FlowSpec, Parameter, card, current, pypi, step
        from metaflow.cards import Markdown

        class Together(FlowSpec):
            word = Parameter("word", default="none")

            @step
            def start(self):
                self.scale = 10
                self.items = ["a", "b"]
                self.next(self.each, foreach="items")

            @card(type="blank")
            @pypi(packages={"flowc-tests-hello": "1.0"})
            @step
            def each(self):
                import flowc_tests_hello
                current.card.append(Markdown(f"item {self.input} of {flowc_tests_hello.VERSION}"))
                print(self.input, self.word, self.scale, current.origin_run_id is not None)
                assert os.environ.get("FAIL") != self.input, "as it was told to"
                self.next(self.join)

            @step
            def join(self, inputs):
                self.next(self.end)

            @step
            def end(self):
                pass

        if __name__ == "__main__":
            Together()
        """,
    )
    wheels.write("other.py", "ARTIFACTS = {'scale': 99}")
    flow = ("flow.py", "--environment=pypi")
    failed = wheels.python(*flow, "run", "--word", "given", FAIL="b")
    assert failed.code == 1
    assert "error: step 'each' failed (task each-0.1): AssertionError: as it was told to" in failed.err

    resumed = wheels.python(*flow, "resume")
    assert (resumed.code, resumed.out) == (0, "[each/0.1] b given 10 True\n"), resumed.err
    for item, path in ("a", "0.0"), ("b", "0.1"):
        assert f"item {item} of 1.0" in wheels.flowc("card", "get", f"Together/latest/each/{path}").out

    spun = wheels.python(*flow, "spin", "each", "--artifacts-module", "other.py", "--persist")
    assert (spun.code, spun.out) == (0, "[each/0.1] b given 99 False\n"), spun.err
    place = ("--store", ".flowc_spin")
    assert "item b of 1.0" in wheels.flowc("card", "get", "Together/latest/each", *place).out


def test_no_task_outlives_its_supervisor(wheels: Project) -> None:
    """The supervisor's child process becomes the step's interpreter by `exec`, so it ends when the supervisor ends."""
    wheels.write(
        "flow.py",
        """
        import os, signal
        from metaflow import FlowSpec, pypi_base, step

        @pypi_base
        class Long(FlowSpec):
            @step
            def start(self):
                print("pid", os.getpid(), flush=True)
                signal.pause()
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    with wheels.start("-m", "flowc", "run", "flow.py", "--environment=pypi") as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline().split()[-1])
        process.send_signal(signal.SIGKILL)
        process.communicate()
    wait_until(lambda: has_ended(pid), "the task outlived its supervisor")


# -- the choice --------------------------------------------------------------------------------------------------------


def test_packages_need_a_choice(wheels: Project) -> None:
    wheels.write("flow.py", FLOW)
    done = wheels.flowc("run", "flow.py")
    assert done.code == 1
    assert "step 'start': @pypi and @conda need --environment=pypi or --environment=conda" in done.err
    assert "--environment=local uses the installed packages" in done.err
    assert wheels.store.flows() == []
    assert wheels.flowc("check", "flow.py").code == 0


def test_the_choice_may_stand_anywhere(wheels: Project) -> None:
    wheels.write("flow.py", FLOW)
    for command, environment in (
        (["--environment=pypi", "run"], {}),
        (["--environment", "local", "run", "--environment", "pypi"], {}),
        (["run"], {"METAFLOW_ENVIRONMENT": "pypi"}),
        (["--environment", "pypi", "run"], {"METAFLOW_ENVIRONMENT": "local"}),
    ):
        done = wheels.python("flow.py", *command, **environment)
        assert done.code == 0, done.err
    assert (
        "'nope' is not supported: use local, pypi or conda" in wheels.python("flow.py", "--environment=nope", "run").err
    )
    assert (
        "'nope' is not supported: use local, pypi or conda"
        in wheels.python("flow.py", "run", METAFLOW_ENVIRONMENT="nope").err
    )


def test_local_says_what_it_leaves_out(wheels: Project) -> None:
    wheels.write("flow.py", FLOW)
    done = wheels.flowc("run", "flow.py", "--environment=local")
    assert "note: --environment=local: @pypi and @conda of step 'start' are not applied" in done.err
    assert "No module named 'flowc_tests_hello'" in done.err
    assert done.code == 1


def test_a_flow_without_packages_is_isolated_too(wheels: Project) -> None:
    wheels.write("flow.py", FLOW.replace('@pypi(packages={"flowc-tests-hello": "1.0"})', "")
                 .replace("flowc_tests_hello.VERSION", "1").replace("flowc_tests_hello", "click"))  # fmt: skip
    assert wheels.flowc("run", "flow.py").code == 0
    assert "No module named 'click'" in wheels.flowc("run", "flow.py", "--environment=pypi").err


def test_an_isolated_task_ends_as_a_python_process_ends(wheels: Project) -> None:
    wheels.write("flow.py", """
        import atexit, tempfile
        from metaflow import FlowSpec, pypi, step

        ROWS = open("rows", "a")
        WORK = tempfile.TemporaryDirectory(dir=".", prefix="work-")
        atexit.register(lambda: print("ended"))

        class Ends(FlowSpec):
            @pypi(packages={})
            @step
            def start(self):
                ROWS.write("start ")
                self.next(self.end)

            @pypi(packages={})
            @step
            def end(self):
                ROWS.write("end ")
        """)  # fmt: skip
    done = wheels.flowc("run", "flow.py", "--environment=pypi", PYTHONWARNINGS="default")
    assert done.code == 0, done.err
    assert (wheels.root / "rows").read_text() == "start end "
    assert [line for line in done.out.splitlines() if "ended" in line][:2] == ["[start] ended", "[end] ended"]
    assert not list(wheels.root.glob("work-*"))


def test_a_cluster_s_image_has_the_packages(wheels: Project) -> None:
    pytest.importorskip("hera")
    wheels.write("flow.py", FLOW)
    target = ["--image=i", "--store=s3://b/p"]
    done = wheels.flowc("compile", "flow.py", *target)
    assert done.code == 1
    assert "error[argo-packages]: step 'start' has @pypi or @conda" in done.err
    done = wheels.flowc("compile", "flow.py", *target, "--environment=local")
    assert done.code == 0, done.err
    assert "the image must have the packages of step 'start'" in done.err
    assert "'uv' is not one of" in wheels.flowc("compile", "flow.py", *target, "--environment=uv").err


# -- building and keeping ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_an_environment_is_built_once(wheels: Project, installer: str) -> None:
    envs = own_cache(wheels)
    if installer == "pip":
        hide_uv(wheels)
    elif not interpreters.uv():
        pytest.skip("uv is not installed")
    wheels.write("flow.py", FLOW)
    first = wheels.flowc("run", "flow.py", "--environment=pypi")
    assert first.code == 0, first.err
    assert "environment of step 'start': building environment" in first.err
    assert "flowc-tests-hello==1.0)" in first.err
    built = {path: path.stat().st_mtime_ns for path in envs.glob("*/flowc.json")}
    assert len(built) == 2  # one environment with the packages of `start`, and one without packages for `end`
    second = wheels.flowc("run", "flow.py", "--environment=pypi")
    assert second.code == 0
    assert "building" not in second.err
    assert built == {path: path.stat().st_mtime_ns for path in envs.glob("*/flowc.json")}


def test_two_runs_at_once_build_once(wheels: Project) -> None:
    own_cache(wheels)
    wheels.write("flow.py", FLOW)
    runs = [wheels.start("-m", "flowc", "run", "flow.py", "--environment=pypi") for _ in range(2)]
    told = [process.communicate()[1] for process in runs]
    assert [process.returncode for process in runs] == [0, 0], told
    # the two environments were built only once, although both runs needed them at the same time
    assert sum(text.count("building environment") for text in told) == 2


def test_a_killed_build_leaves_nothing_half_done(wheels: Project) -> None:
    """An environment without its mark file was not built completely, and is built again."""
    envs = own_cache(wheels)
    wheels.write("flow.py", FLOW)
    assert wheels.flowc("run", "flow.py", "--environment=pypi").code == 0
    for mark in envs.glob("*/flowc.json"):
        mark.unlink()
        shutil.rmtree(mark.parent / "lib")
    done = wheels.flowc("run", "flow.py", "--environment=pypi")
    assert done.code == 0, done.err
    assert done.err.count("building environment") == 2


def test_a_version_that_does_not_exist(wheels: Project) -> None:
    envs = own_cache(wheels)
    wheels.write("flow.py", FLOW.replace('"1.0"', '"9.9"'))
    done = wheels.flowc("run", "flow.py", "--environment=pypi")
    assert done.code == 1
    assert "error: step 'start': cannot build an environment (Python" in done.err
    assert (
        "flowc-tests-hello==9.9" in done.err.splitlines()[-1] + done.err.splitlines()[-2]
    )  # the installer's own message
    assert [path for path in envs.iterdir() if path.is_dir()] == []
    assert wheels.store.flows() == []  # no task has begun


def test_a_python_that_is_not_there(wheels: Project) -> None:
    wheels.write("flow.py", FLOW.replace('"1.0"}', '"1.0"}, python="3.99"'))
    done = wheels.flowc("run", "flow.py", "--environment=pypi")
    assert done.code == 1
    assert "3.99" in done.err
    assert "Traceback" not in done.err


def test_packages_of_conda_need_conda(wheels: Project) -> None:
    if interpreters.conda():
        pytest.skip("conda is there")
    wheels.write("flow.py", FLOW.replace("pypi", "conda"))
    done = wheels.flowc("run", "flow.py", "--environment=conda")
    assert done.code == 1
    assert "packages of @conda (flowc-tests-hello=1.0) need micromamba, mamba or conda" in done.err


def test_how_conda_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreters, "conda", lambda: "/bin/micromamba")
    monkeypatch.setattr(interpreters, "uv", lambda: None)
    monkeypatch.delenv("CONDA_CHANNELS", raising=False)
    spec = make_spec(Packages(python="3.11", conda=(("zlib", "1.3"),), pypi=(("six", ""),)))
    create, install = build.commands(spec, Path("/envs/x"))
    assert create == ("/bin/micromamba", "create", "--yes", "--quiet", "--prefix", "/envs/x", "-c", "conda-forge",
                      "python=3.11", "pip", "zlib=1.3")  # fmt: skip
    assert install[0] == "/envs/x/bin/python"
    assert install[-2:] == ("--", "six")


# -- builds ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "version", "expected"),
    [
        ("six", "1.16.0", "six==1.16.0"),
        ("Flask_SQLAlchemy", "", "flask-sqlalchemy"),
        ("pandas", ">=2,<3", "pandas>=2,<3"),
        ("pandas", "~=2.1", "pandas~=2.1"),
        ("ray[tune,air]", "2.9", "ray[tune,air]==2.9"),
        ("git+https://example.org/a.git", "@main", "git+https://example.org/a.git@main"),
        ("hello", "@ https://example.org/hello.zip", "hello @ https://example.org/hello.zip"),
        ("Hel_lo@https://example.org/Hel_lo.zip", "", "hel-lo @ https://example.org/Hel_lo.zip"),
        ("six", "*", "six"),
    ],
)
def test_requirements(name: str, version: str, expected: str) -> None:
    assert requirement(name, version) == expected


def test_match_specs() -> None:
    versions = ("1.3", ">=1.2", "", "*", "1.3=h0", "1|2")
    assert [match_spec("zlib", version) for version in versions] == [
        "zlib=1.3", "zlib>=1.2", "zlib", "zlib=*", "zlib=1.3=h0", "zlib=1|2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "yes", "no"),
    [
        ("3.11", "3.11.0 3.11.7", "3.1.1 3.12.0 3.10.11"),
        ("3.11.*", "3.11.0 3.11.7", "3.12.0"),
        ("3.11.7", "3.11.7", "3.11.0 3.11.70"),
        ("3", "3.9.0 3.13.1", "2.7.18"),
        ("3.*", "3.9.0", "2.7.18"),
        (">=3.10,<3.13", "3.10.0 3.12.9", "3.9.9 3.13.0"),
        (" >= 3.10 , < 3.13 ", "3.10.0", "3.13.0"),
        ("==3.11.*", "3.11.2", "3.10.1"),
        ("~=3.11", "3.11.0 3.14.1", "3.10.9 4.0.0"),
        ("~=3.11.2", "3.11.2 3.11.9", "3.11.1 3.12.0"),
        ("!=3.11.*,>3.9", "3.10.1 3.9.1", "3.11.4 3.9.0"),
        ("<=3.12", "3.12.0", "3.12.1"),
    ],
)
def test_which_python_fits(asked: str, yes: str, no: str) -> None:
    assert [pythons.fits(version, asked) for version in yes.split()] == [True] * len(yes.split())
    assert [pythons.fits(version, asked) for version in no.split()] == [False] * len(no.split())


@pytest.mark.parametrize("asked", ["2.7", "3.9", "3.9.*", "3.9.18", "<3.10", ">=3.7,<3.10", "==3.8.*", "~=3.9.1"])
def test_a_python_that_flowc_does_not_run_on_is_told_where_it_is_built(asked: str) -> None:
    with pytest.raises(BuildError, match=re.escape(f"flowc runs on Python 3.10 and later, not {asked}")):
        make_spec(Packages(python=asked))
    with pytest.raises(BuildError, match=re.escape("3.10 and later")):
        make_spec(Packages(python=asked, conda=(("zlib", ""),)))


def test_a_range_takes_this_python_where_it_fits() -> None:
    major, minor, *_ = platform.python_version_tuple()
    for asked in (f"{major}.{minor}.*", f">={major}.{minor}", ">=3.7", f"~={major}.{minor}"):
        assert make_spec(Packages(python=asked)).interpreter.path == sys.executable
    spec = make_spec(Packages(python=">=3.9,<3.13", conda=(("zlib", ""),)))
    assert pythons.for_conda(spec.python) == "python>=3.9,<3.13"
    assert (pythons.for_conda("3.11.*"), pythons.for_uv("3.11.*"), pythons.for_uv("< 3.13")) == (
        "python=3.11", "3.11", "<3.13,>=3.10",
    )  # fmt: skip


def test_a_wildcard_is_built(wheels: Project) -> None:
    this = ".".join(platform.python_version_tuple()[:2])
    wheels.write("flow.py", FLOW.replace('"1.0"}', f'"1.*"}}, python="{this}.*"'))
    done = wheels.flowc("run", "flow.py", "--environment=pypi")
    assert done.code == 0, done.err


def test_older_versions_count_only_where_they_are_built(wheels: Project) -> None:
    wheels.write("flow.py", FLOW.replace('"1.0"}', '"1.0"}, python="3.9.*"'))
    assert wheels.flowc("check", "flow.py").code == 0
    assert wheels.python("flow.py", "show").code == 0
    compiled = wheels.flowc(
        "compile", "--target", "argo", "flow.py", "--image", "i", "--store", "s3://b/p", "--environment=local"
    )
    assert compiled.code == 0, compiled.err
    done = wheels.flowc("run", "flow.py", "--environment=pypi")
    assert done.code == 1
    assert "error: step 'start': flowc runs on Python 3.10 and later, not 3.9.*" in done.err
    assert wheels.store.flows() == []


def test_equal_specs_share_an_environment() -> None:
    def digest(**given: object) -> str:
        return make_spec(Packages(**given)).digest  # type: ignore[arg-type]

    one = digest(pypi=(("six", "1.16.0"), ("Foo_Bar", "2")))
    assert one == digest(pypi=(("foo-bar", "2"), ("six", "1.16.0")))
    assert one != digest(pypi=(("foo-bar", "3"), ("six", "1.16.0")))
    assert make_spec(None).digest == digest()
    assert make_spec(None, ["obstore"]).pypi == ("obstore",)
    assert make_spec(Packages(pypi=(("Obstore", "0.11"),)), ["obstore"]).pypi == ("obstore==0.11",)
    assert isinstance(make_spec(None), Spec)


def test_a_registry_that_does_not_answer(wheels: Project) -> None:
    own_cache(wheels)
    wheels.write("flow.py", FLOW)
    silent = "http://127.0.0.1:9/simple"
    settings = {"PIP_INDEX_URL": silent, "PIP_NO_INDEX": "", "PIP_RETRIES": "1", "UV_HTTP_RETRIES": "0"}
    done = wheels.flowc("run", "flow.py", "--environment=pypi", PIP_FIND_LINKS="", **settings)
    assert done.code == 1
    assert "cannot build an environment" in done.err
    assert "refused" in done.err, done.err
    assert wheels.store.flows() == []


def test_a_terminal_shows_for_how_long_an_environment_has_been_built(wheels: Project) -> None:
    home = own_cache(wheels)
    wheels.write(
        "flow.py",
        """
        from metaflow import FlowSpec, pypi, step

        class One(FlowSpec):
            @pypi(packages={"flowc-tests-hello": "1.0"})
            @step
            def start(self):
                self.next(self.end)

            @pypi(disabled=True)
            @step
            def end(self):
                pass
        """,
    )
    command = ("run", "flow.py", "--environment=pypi")
    assert wheels.flowc(*command).code == 0
    (lock,) = home.glob("*.lock")
    shutil.rmtree(lock.with_suffix(""))
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # hold the lock that a process holds while it builds the environment
        with Terminal(wheels, "-m", "flowc", *command, TERM="xterm", NO_COLOR="1") as terminal:
            terminal.until("environment of step 'start': waiting for another process that builds")
            terminal.until("environment of step 'start' … 1 s")
            fcntl.flock(file, fcntl.LOCK_UN)
            assert terminal.end(60) == 0
    told = screen(terminal.seen, 200)
    assert not [line for line in told if "…" in line]
    assert any(re.fullmatch(r"environment of step 'start': ready after \d+\.\d s", line) for line in told)
