"""Extensions of the API: what packages `metaflow_extensions.<org>` of every form add to `metaflow`."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from project import Project

FLOW = """
    from metaflow import FlowSpec, shout, step
    from metaflow.exception import AcmeError
    from metaflow.plugins.loud import LOUDNESS

    class Loud(FlowSpec):
        @step
        def start(self):
            try:
                raise AcmeError("no volume")
            except AcmeError as error:
                self.said = shout(str(error)) + "!" * LOUDNESS
            self.next(self.end)

        @step
        def end(self):
            pass
"""


def acme(project: Project, form: str = "mfextinit_acme", where: str = "lib") -> str:
    """Write an extension and return the directory for PYTHONPATH."""
    home = f"{where}/metaflow_extensions/acme"
    project.write(f"{home}/toplevel/{form}.py", 'toplevel = "api"\nmodule_overrides = "early"\n')
    project.write(f"{home}/toplevel/early.py", "import sys\nEARLY = 'metaflow.flowspec' not in sys.modules\n")
    project.write(
        f"{home}/toplevel/api.py",
        """
        import json
        from metaflow_extensions.acme.toplevel.early import EARLY

        __mf_promote_submodules__ = ["tools"]
        secret_ingredient = 42

        def shout(text):
            return text.upper()
        """,
    )
    project.write(f"{home}/tools.py", "NAME = __name__\n")
    project.write(
        f"{home}/config/{form}.py",
        'KUBERNETES_NAMESPACE = "acme"\nACME_URL = "https://acme"\nDEBUG_OPTIONS = ["acme"]\n',
    )
    project.write(
        f"{home}/exceptions/{form}.py",
        """
        from metaflow.exception import MetaflowException

        class AcmeError(MetaflowException):
            headline = "Acme"
        """,
    )
    project.write(f"{home}/plugins/{form}.py", '__mf_promote_submodules__ = ["loud", "frameworks"]\n')
    project.write(f"{home}/plugins/loud.py", "LOUDNESS = 3\n")
    project.write(f"{home}/plugins/frameworks/__init__.py", "from metaflow.plugins.frameworks import _orig\n")
    project.write(f"{home}/plugins/template.html", "<b>loud</b>")
    return str(project.root / where)


def python(project: Project, path: str, code: str) -> str:
    """Run a program with this directory on its import path; return its output."""
    done = project.python("-c", code, PYTHONPATH=os.pathsep.join([project.environment["PYTHONPATH"], path]))
    assert done.code == 0, done.err
    return done.out.strip()


@pytest.mark.parametrize("form", ["mfextinit_acme", "__init__"])
def test_an_extension_adds_names_settings_exceptions_and_modules(project: Project, form: str) -> None:
    path = acme(project, form)

    def says(code: str) -> str:
        return python(project, path, code)

    assert says("import metaflow; print(metaflow.shout('a'), metaflow.secret_ingredient)") == "A 42"
    assert says("import metaflow; print(hasattr(metaflow, 'json'), metaflow.EARLY)") == "False True"
    assert says("from metaflow.metaflow_config import *; print(KUBERNETES_NAMESPACE, ACME_URL, DEBUG_OPTIONS[-1])") == (
        "acme https://acme acme"
    )
    assert says("from metaflow.exception import AcmeError as E; print(E.headline, E('x'))") == "Acme x"
    assert says("import metaflow.tools as t; print(t.NAME)") == "metaflow.tools"
    assert says("from metaflow.plugins.loud import LOUDNESS; print(LOUDNESS)") == "3"


def test_a_module_that_is_replaced_stays_importable(project: Project) -> None:
    path = acme(project)
    code = (
        "import metaflow.plugins.frameworks as f, metaflow.plugins.frameworks._orig as o; print(f.__file__, o.__file__)"
    )
    new, old = python(project, path, code).split()
    assert new == f"{path}/metaflow_extensions/acme/plugins/frameworks/__init__.py"
    assert old.endswith("sdk/metaflow/plugins/frameworks/__init__.py")


GANG = """
    import os
    from metaflow import FlowSpec, acme_parallel, current, pytorch_parallel, step

    class Gang(FlowSpec):
        @step
        def start(self):
            self.next(self.train, num_parallel=2)

        @acme_parallel(master_port=1234)
        @step
        def train(self):
            self.seen = [os.environ.get(name) for name in ("MASTER_PORT", "NODE_RANK", "WORLD_SIZE", "ACME")]
            self.next(self.join)

        @step
        def join(self, inputs):
            self.seen = [each.seen for each in inputs]
            self.next(self.split)

        @step
        def split(self):
            self.next(self.other, num_parallel=2)

        @pytorch_parallel
        @step
        def other(self):
            self.rank = os.environ["NODE_RANK"], os.environ.get("ACME")
            self.next(self.meet)

        @step
        def meet(self, inputs):
            self.ranks = [each.rank for each in inputs]
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        Gang()
    """


def test_a_decorator_of_a_framework_is_extended_through_orig(project: Project) -> None:
    home = "metaflow_extensions/acme/plugins"
    project.write(
        f"{home}/mfextinit_acme.py",
        """
        __mf_promote_submodules__ = ["frameworks"]
        STEP_DECORATORS_DESC = [("acme_parallel", ".frameworks.pytorch.AcmeParallel")]
        """,
    )
    project.write(f"{home}/frameworks/__init__.py", "")
    project.write(
        f"{home}/frameworks/pytorch.py",
        """
        import os
        from metaflow.plugins.frameworks._orig.pytorch import PytorchParallelDecorator, setup_torch_distributed
        from metaflow.plugins.parallel_decorator import ParallelDecorator

        assert issubclass(PytorchParallelDecorator, ParallelDecorator) and callable(setup_torch_distributed)

        class AcmeParallel(PytorchParallelDecorator):
            name = "acme_parallel"

            def setup_distributed_env(self, flow):
                super().setup_distributed_env(flow)
                os.environ["ACME"] = flow.name
        """,
    )
    project.write("flow.py", GANG)
    run = project.run("flow.py")
    seen = project.artifacts(run, "join")["seen"]
    assert seen == [["1234", "0", "2", "Gang"], ["1234", "1", "2", "Gang"]]
    assert project.artifacts(run, "meet")["ranks"] == [("0", None), ("1", None)]


@pytest.mark.parametrize("decorator", ["pytorch_parallel", "acme_parallel"])
def test_a_decorator_of_a_gang_stands_on_the_step_of_one(project: Project, decorator: str) -> None:
    project.write(
        "metaflow_extensions/acme/plugins/__init__.py",
        """
        STEP_DECORATORS_DESC = [("acme_parallel", "metaflow.plugins.frameworks.pytorch.PytorchParallelDecorator")]
        """,
    )
    text = GANG.replace("acme_parallel", "pytorch_parallel", 1).replace(", num_parallel=2", "", 1)
    text = text.replace("@acme_parallel(master_port=1234)", f"@{decorator}(master_port=1234)")
    project.write("flow.py", text.replace("import FlowSpec", f"import {decorator}, FlowSpec"))
    done = project.flowc("check", "flow.py")
    assert "step 'train' has @parallel, but step 'start' does not lead to it with num_parallel" in done.err


def test_a_flow_uses_an_extension(project: Project) -> None:
    path = acme(project)
    project.write("flow.py", FLOW)
    run = project.run("flow.py", PYTHONPATH=os.pathsep.join([project.environment["PYTHONPATH"], path]))
    assert project.artifacts(run, "start") == {"said": "NO VOLUME!!!"}


def test_an_extension_beside_the_flow_counts_too(project: Project) -> None:
    acme(project, where=".")
    project.write("flow.py", FLOW)
    assert project.artifacts(project.run("flow.py"), "start") == {"said": "NO VOLUME!!!"}


def test_extensions_travel_with_the_code(project: Project) -> None:
    """Extensions beside the flow are in the code package, because a pod has no other files of the user."""
    path = acme(project)
    project.write("flow/flow.py", FLOW)
    project.write("lib/metaflow_extensions/acme/plugins/empty.py", "")
    project.write("lib/metaflow_extensions/acme/notes.md", "not for pods")
    project.write("lib/metaflow_extensions/acme/mfextmeta_acme.py", 'exclude_suffixes = [".md"]\n')
    project.write("lib/metaflow_extensions/beta/config/mfextinit_beta.py", 'KUBERNETES_NAMESPACE = "beta"\n')
    unpack = (
        "import sys, pathlib\n"
        "from flowc.package import collect\n"
        "for name, content in collect(pathlib.Path('flow/flow.py')).files:\n"
        "    file = pathlib.Path('pod', name)\n"
        "    file.parent.mkdir(parents=True, exist_ok=True)\n"
        "    file.write_bytes(content)\n"
    )
    python(project, path, unpack)
    pod = project.root / "pod"
    there = {str(file.relative_to(pod)) for file in pod.rglob("*") if file.is_file()}
    assert "metaflow_extensions/acme/plugins/template.html" in there
    assert "metaflow_extensions/acme/plugins/empty.py" in there
    assert "metaflow_extensions/acme/notes.md" not in there
    assert python(project, str(pod), "import metaflow; print(metaflow.shout('a'))") == "A"
    code = "from metaflow.metaflow_config import KUBERNETES_NAMESPACE as k; print(k)"
    assert python(project, str(pod), code) == python(project, path, code) == "beta"


def distribution(site: Path, name: str, org: str, *needs: str) -> None:
    """Install a distribution with an extension whose setting WHO is the distribution's name."""
    file = site / "metaflow_extensions" / org / "config" / f"mfextinit_{org}.py"
    file.parent.mkdir(parents=True)
    file.write_text(f"WHO = {name!r}\n")
    info = site / f"{name}-1.dist-info"
    info.mkdir()
    requires = "".join(f"Requires-Dist: {need}\n" for need in needs)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n{requires}")
    (info / "RECORD").write_text(f"{file.relative_to(site)},,\n")


def test_who_depends_on_another_has_the_last_word(project: Project) -> None:
    site = project.root / "site-packages"
    distribution(site, "first-acme", "aaa", "second-acme>=1; python_version > '3'")
    distribution(site, "second-acme", "zzz")
    assert python(project, str(site), "from metaflow.metaflow_config import WHO; print(WHO)") == "first-acme"
    # Directories on PYTHONPATH override installed distributions.
    project.write("lib/metaflow_extensions/bbb/config/mfextinit_bbb.py", 'WHO = "path"\n')
    both = os.pathsep.join([str(project.root / "lib"), str(site)])
    assert python(project, both, "from metaflow.metaflow_config import WHO; print(WHO)") == "path"


# -- decorators


def decorating(project: Project, body: str) -> str:
    path = acme(project)
    home = "lib/metaflow_extensions/acme/plugins"
    project.write(f"{home}/mfextinit_acme.py", 'STEP_DECORATORS_DESC = [("loudly", ".decorators.Loudly")]\n')
    project.write(f"{home}/decorators.py", body)
    return path


def test_a_decorator_of_an_extension_is_one_of_metaflow(project: Project) -> None:
    if find_spec("metaflow.user_decorators") is None:
        pytest.skip("there are no decorators of a user's own")
    path = decorating(
        project,
        """
        from metaflow import UserStepDecorator

        class Loudly(UserStepDecorator):
            def pre_step(self, step_name, flow, inputs=None):
                flow.said = step_name.upper()
        """,
    )
    project.write(
        "flow.py",
        """
        from metaflow import FlowSpec, loudly, step

        class Loud(FlowSpec):
            @loudly
            @step
            def start(self):
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    run = project.run("flow.py", PYTHONPATH=os.pathsep.join([project.environment["PYTHONPATH"], path]))
    assert project.artifacts(run, "start") == {"said": "START"}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("class Loudly:\n    pass\n", "flowc takes classes that derive from UserStepDecorator, StepMutator or FlowMutator"),
        ("from metaflow.decorators import Nothing\n", "cannot be loaded from metaflow_extensions.acme.plugins.decorators.Loudly"),
    ],
)  # fmt: skip
def test_a_decorator_that_cannot_be_used_says_why(project: Project, body: str, why: str) -> None:
    path = decorating(project, body)
    done = project.python(
        "-c", "from metaflow import loudly", PYTHONPATH=os.pathsep.join([project.environment["PYTHONPATH"], path])
    )
    assert why in done.err


# -- faulty extensions


POINTS = [
    "toplevel/api",
    "toplevel/early",
    "exceptions/mfextinit_acme",
    "plugins/mfextinit_acme",
    "config/mfextinit_acme",
]
PLAIN = """
    from metaflow import FlowSpec, step
    from metaflow.metaflow_config import DEFAULT_DATASTORE

    class Plain(FlowSpec):
        @step
        def start(self):
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        Plain()
"""


@pytest.mark.parametrize("point", POINTS)
def test_a_broken_extension_is_left_out(project: Project, point: str) -> None:
    """A broken module of an extension causes a warning; flows that do not use it run, and its other modules work."""
    acme(project, where=".")
    project.write(f"metaflow_extensions/acme/{point}.py", "1 / 0\n")
    project.write("plain.py", PLAIN)
    module = f"metaflow_extensions.acme.{point.replace('/', '.')}"
    message = (
        f"warning: the extension 'acme' is left out: importing {module} failed: ZeroDivisionError: division by zero;"
    )
    for done in (project.flowc("run", "plain.py"), project.python("plain.py", "run")):
        assert done.code == 0, done.err
        assert done.err.count(message) == 1
    project.write("flow.py", FLOW)
    used = project.flowc("check", "flow.py")
    if point.startswith("config"):  # the flow does not read settings, so it needs no config module of the extension
        assert (used.code, used.err) == (0, "")
    else:
        assert used.code == 1
        assert used.err.startswith(message)
    assert "Traceback" not in used.err


@pytest.mark.parametrize("raised", ["SystemExit(3)", "GeneratorExit()"])
def test_an_extension_that_ends_the_program_is_left_out(project: Project, raised: str) -> None:
    """An extension is also ignored if it raises an error that does not derive from Exception, such as SystemExit."""
    acme(project, where=".")
    for point in ("plugins", "config", "exceptions", "toplevel"):
        project.write(f"metaflow_extensions/acme/{point}/mfextinit_acme.py", f"raise {raised}\n")
    project.write("metaflow_extensions/acme/plugins/cards/__init__.py", f"raise {raised}\n")
    plain = PLAIN.replace("FlowSpec, step", "FlowSpec, card, step")
    project.write(
        "plain.py", plain.replace("@step\n        def start", "@card(type='loud')\n        @step\n        def start")
    )
    done = project.flowc("run", "plain.py")
    assert done.code == 0, done.err
    for point in ("plugins", "config", "exceptions", "toplevel"):
        assert f"importing metaflow_extensions.acme.{point}.mfextinit_acme failed: {raised.split('(')[0]}: " in done.err
    assert "there is no card of type 'loud'" in done.err


@pytest.mark.parametrize(
    ("point", "text", "entry"),
    [
        ("plugins", "STEP_DECORATORS_DESC = 42", "42"),
        ("plugins", "STEP_DECORATORS_DESC = ['loud']", "'loud'"),
        ("plugins", "FLOW_DECORATORS_DESC = [('loud', '.loud.Loud', 1)]", "('loud', '.loud.Loud', 1)"),
        ("plugins", "FLOW_DECORATORS_DESC = [('loud', None)]", "('loud', None)"),
        ("plugins", "__mf_promote_submodules__ = True", "True"),
        ("plugins", "__mf_promote_submodules__ = 'loud'", "'loud'"),
        ("toplevel/api", "__mf_promote_submodules__ = [None]", "None"),
        ("config", "DEBUG_OPTIONS = [('acme',)]", "('acme',)"),
        ("config", "DEBUG_OPTIONS = 1", "1"),
    ],
)
def test_a_list_of_an_extension_that_is_none_is_left_out(project: Project, point: str, text: str, entry: str) -> None:
    """Only the malformed entries of a list are left out, with a warning; the other entries work."""
    acme(project, where=".")
    name = point if "/" in point else f"{point}/mfextinit_acme"
    project.write(f"metaflow_extensions/acme/{name}.py", f"{text}\n")
    project.write("plain.py", PLAIN)
    done = project.flowc("run", "plain.py")
    assert done.code == 0, done.err
    list_name = text.partition(" ")[0]
    assert f"warning: {list_name} of the extension 'acme' must be a list, each entry " in done.err
    assert f": {entry} is left out\n" in done.err


def test_of_a_list_of_an_extension_the_entries_that_are_well_formed_count(project: Project) -> None:
    path = acme(project)
    project.write("lib/metaflow_extensions/acme/plugins/mfextinit_acme.py", '__mf_promote_submodules__ = [3, "loud"]\n')
    assert python(project, path, "import metaflow.plugins.loud; print(metaflow.plugins.loud.LOUDNESS)") == "3"


def test_a_decorator_that_cannot_be_loaded_stops_only_who_uses_it(project: Project) -> None:
    path = decorating(project, "raise SystemExit(3)\n")
    paths = os.pathsep.join([project.environment["PYTHONPATH"], path])
    mutator = """
    from metaflow import StepMutator, retry

    class Tried(StepMutator):
        def mutate(self, mutable_step):
            mutable_step.add_decorator("retry", deco_kwargs={"times": 2})
    """
    mutated = PLAIN.replace("@step\n        def start", "@Tried\n        @step\n        def start")
    project.write("plain.py", mutator + mutated)
    done = project.flowc("run", "plain.py", PYTHONPATH=paths)
    assert done.code == 0, done.err
    assert "warning: the decorator 'loudly' of an extension cannot be loaded from " in done.err
    used = project.flowc("run", "plain.py", "--with", "loudly", PYTHONPATH=paths)
    assert used.code != 0
    assert "Traceback" not in used.err


@pytest.mark.parametrize("text", ["import nowhere_at_all\n", "1 / 0\n", "raise SystemExit\n"])
def test_what_makes_the_package_cannot_be_imported(project: Project, text: str) -> None:
    project.write("metaflow_extensions/__init__.py", text)
    project.write("plain.py", PLAIN)
    done = project.flowc("run", "plain.py")
    assert done.code == 0, done.err
    assert "warning: no extension of metaflow is available: importing metaflow_extensions failed: " in done.err


def test_a_plain_package_is_told(project: Project) -> None:
    path = acme(project)
    project.write("lib/metaflow_extensions/__init__.py", "")
    done = project.python(
        "-c", "import metaflow; print(metaflow.shout('a'))",
        PYTHONPATH=os.pathsep.join([project.environment["PYTHONPATH"], path]),
    )  # fmt: skip
    assert (done.code, done.out) == (0, "A\n")
    assert "makes metaflow_extensions a plain package, which hides all others: remove that file" in done.err


def test_two_files_for_one_point_are_told(project: Project) -> None:
    path = acme(project)
    project.write("lib/metaflow_extensions/acme/config/__init__.py", "")
    done = project.python(
        "-c", "import metaflow; print(metaflow.shout('a'))",
        PYTHONPATH=os.pathsep.join([project.environment["PYTHONPATH"], path]),
    )  # fmt: skip
    assert (done.code, done.out) == (0, "A\n")
    assert "config is left out because several files configure it" in done.err


def test_a_promoted_module_that_is_not_there_is_told(project: Project) -> None:
    path = acme(project)
    (project.root / path / "metaflow_extensions/acme/tools.py").unlink()
    done = project.python(
        "-c", "import metaflow; print(metaflow.shout('a'))",
        PYTHONPATH=os.pathsep.join([project.environment["PYTHONPATH"], path]),
    )  # fmt: skip
    assert (done.code, done.out) == (0, "A\n")
    assert "promotes the module 'metaflow_extensions.acme.tools', which does not exist: it is left out" in done.err


def test_plugins_that_flowc_has_no_place_for_are_told_by_doctor(project: Project) -> None:
    """`flowc doctor` names unsupported plugins; flows that do not use them print no warning."""
    path = acme(project)
    project.write("lib/metaflow_extensions/acme/plugins/mfextinit_acme.py", 'CLIS_DESC = [("acme", ".cli.main")]\n')
    paths = os.pathsep.join([project.environment["PYTHONPATH"], path])
    assert project.python("-c", "import metaflow", PYTHONPATH=paths) == (0, "", "")
    done = project.flowc("doctor", PYTHONPATH=paths)
    assert "ok  extensions of metaflow 2.19.39: acme\n" in done.out
    assert (
        "note  the extension 'acme' has CLIS_DESC, which have no effect: flowc uses only decorators, cards" in done.out
    )


def test_doctor_tells_of_an_extension_that_is_left_out(project: Project) -> None:
    path = acme(project)
    project.write("lib/metaflow_extensions/broken/plugins/mfextinit_broken.py", "import no_such_thing\n")
    done = project.flowc("doctor", PYTHONPATH=os.pathsep.join([project.environment["PYTHONPATH"], path]))
    assert "ok  extensions of metaflow 2.19.39: acme\n" in done.out
    module = "metaflow_extensions.broken.plugins.mfextinit_broken"
    why = f"{module}: ModuleNotFoundError: No module named 'no_such_thing'"
    assert (
        f"note  parts of the extension 'broken' are ignored, because they cannot be imported ({why}): fix it"
        in done.out
    )


def test_doctor_tells_of_decorators_that_cannot_be_loaded(project: Project) -> None:
    path = acme(project)
    project.write(
        "lib/metaflow_extensions/acme/plugins/mfextinit_acme.py",
        """
        STEP_DECORATORS_DESC = [("nope", ".nope.Nope"), ("loud", ".loud.Loud"), ("quiet", ".quiet.Quiet")]
        """,
    )
    project.write("lib/metaflow_extensions/acme/plugins/loud.py", "raise ValueError('boom')\n")
    project.write(
        "lib/metaflow_extensions/acme/plugins/quiet.py",
        """
        from metaflow.decorators import StepDecorator

        class Quiet(StepDecorator):
            name = "quiet"
        """,
    )
    done = project.flowc("doctor", PYTHONPATH=os.pathsep.join([project.environment["PYTHONPATH"], path]))
    start, plugins = "note  the decorator", "metaflow_extensions.acme.plugins"
    assert (
        f"{start} 'loud' of an extension cannot be loaded from {plugins}.loud.Loud: ValueError: boom: fix" in done.out
    )
    assert f"{start} 'nope' of an extension cannot be loaded from {plugins}.nope.Nope: ModuleNotFoundError" in done.out
    assert "'quiet'" not in done.out


def test_without_an_extension_nothing_is_loaded_for_them(project: Project) -> None:
    code = "import metaflow, sys; print([name for name in sys.modules if name.startswith('metaflow._extensions')])"
    assert python(project, str(project.root), code) == "['metaflow._extensions']"
