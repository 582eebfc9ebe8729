"""Names that programs import from Metaflow exist and work as described."""

from __future__ import annotations

import datetime
import io
import os
import pickle
import sys
import tarfile
from importlib import import_module
from types import new_class
from typing import TYPE_CHECKING, Any

import click
import pytest

from metaflow import exception, util
from metaflow._unsupported import IMPORTABLE as UNUSABLE
from metaflow._unsupported import UNSUPPORTED, UNSUPPORTED_MODULES

if TYPE_CHECKING:
    from pathlib import Path

    from project import Project

# Modules, each with the names that programs import from it.
IMPORTABLE = [
    ("metaflow", "FlowSpec Parameter JSONType current step retry catch timeout resources environment schedule"),
    ("metaflow", "conda_environment_yml_parser pyproject_toml_parser requirements_txt_parser yaml_parser"),
    ("metaflow", "parallel_map parallel_imap_unordered profile __version__"),
    ("metaflow._vendor", "click"),
    ("metaflow._vendor.click", "command option argument group Choice Path echo"),
    ("metaflow._vendor.click.testing", "CliRunner"),
    ("metaflow.cli", "start"),
    ("metaflow.cli_components.run_cmds", "run"),
    ("metaflow.datastore.datastore_storage", "CloseAfterUse DataException DataStoreStorage"),
    ("metaflow.decorators", "step retry catch timeout resources environment schedule"),
    ("metaflow.decorators", "Decorator FlowDecorator StepDecorator _attach_decorators_to_step"),
    ("metaflow.events", "MetaflowEvent Trigger"),
    ("metaflow.exception", "CommandException ExternalCommandFailed InvalidDecoratorAttribute MetaflowDataMissing"),
    ("metaflow.exception", "MetaflowException MetaflowExceptionWrapper MetaflowInternalError MetaflowInvalidPathspec"),
    ("metaflow.exception", "MetaflowNamespaceMismatch MetaflowNotFound MetaflowTaggingError MetaflowTestException"),
    ("metaflow.exception", "MetaflowUnknownUser MissingInMergeArtifactsException ParameterFieldFailed"),
    ("metaflow.exception", "ParameterFieldTypeMismatch UnhandledInMergeArtifactsException"),
    ("metaflow.exception", "METAFLOW_EXIT_ALLOW_RETRY METAFLOW_EXIT_DISALLOW_RETRY"),
    ("metaflow.flowspec", "FlowSpec FlowStateItems Inputs INTERNAL_ARTIFACTS_SET"),
    ("metaflow.lint", "FlowLinter LintWarn linter"),
    ("metaflow.metaflow_config", "DATASTORE_SYSROOT_LOCAL DEFAULT_DATASTORE DEFAULT_METADATA KUBERNETES_NAMESPACE"),
    ("metaflow.metaflow_config", "TEMPDIR from_conf MAX_ATTEMPTS SERVICE_URL DATATOOLS_S3ROOT"),
    ("metaflow.metadata_provider", "MetaDatum MetadataProvider"),
    ("metaflow.metadata_provider.metadata", "MetaDatum MetadataProvider"),
    ("metaflow.metaflow_config", "DEBUG_OPTIONS DEBUG_SUBCOMMAND"),
    ("metaflow.metaflow_config_funcs", "from_conf"),
    ("metaflow.metaflow_current", "Current current"),
    ("metaflow.metaflow_profile", "profile"),
    ("metaflow.metaflow_version", "get_version"),
    ("metaflow.multicore_utils", "MulticoreException parallel_imap_unordered parallel_map"),
    ("metaflow.parameters", "JSONType Parameter ParameterContext"),
    ("metaflow.plugins", "DATASTORES InternalTestUnboundedForeachInput"),
    ("metaflow.plugins.cards.card_decorator", "CardDecorator"),
    ("metaflow.plugins.cards.card_modules.basic", "ArtifactsComponent BlankCard DagComponent DefaultCard ErrorCard"),
    ("metaflow.plugins.cards.card_modules.basic", "DefaultComponent ErrorComponent HTMLComponent ImageComponent"),
    ("metaflow.plugins.cards.card_modules.basic", "LogComponent MarkdownComponent PageComponent PythonCodeComponent"),
    ("metaflow.plugins.cards.card_modules.basic", "SectionComponent SubTitleComponent TableComponent TaskSpecCard"),
    ("metaflow.plugins.cards.card_modules.basic", "TextComponent TitleComponent read_file"),
    ("metaflow.plugins.cards.card_modules.card", "MetaflowCard MetaflowCardComponent"),
    ("metaflow.plugins.cards.card_modules.chevron", "render"),
    ("metaflow.plugins.cards.card_modules.components", "ArtifactsComponent SectionComponent TableComponent TaskToDict"),
    ("metaflow.plugins.cards.card_modules.components", "UserComponent render_safely with_default_component_id"),
    ("metaflow.plugins.datastores.gs_storage", "as_completed handle_executor_exceptions"),
    ("metaflow.plugins.datastores.local_storage", "LocalStorage"),
    ("metaflow.plugins.datastores.s3_storage", "ARTIFACT_LOCALROOT CloseAfterUse S3"),
    ("metaflow.plugins.datatools.s3", "S3PutObject"),
    ("metaflow.plugins.frameworks", "pytorch"),
    ("metaflow.plugins.frameworks.pytorch", "PytorchParallelDecorator setup_torch_distributed"),
    ("metaflow.plugins.parallel_decorator", "CONTROL_TASK_TAG Parallel ParallelDecorator UBF_CONTROL"),
    ("metaflow.plugins.parallel_decorator", "_local_multinode_control_task_step_func"),
    ("metaflow.plugins.storage_executor", "StorageExecutor handle_executor_exceptions"),
    ("metaflow.runner.click_api", "MetaflowAPI click_to_python_types extract_all_params"),
    ("metaflow.tagging_util", "MAX_TAG_SIZE validate_tag validate_tags"),
    ("metaflow.util", " ".join(util.__all__)),
]


@pytest.mark.parametrize(("module", "names"), IMPORTABLE)
def test_importable(module: str, names: str) -> None:
    scope: dict[str, Any] = {}
    for name in names.split():
        exec(f"from {module} import {name}", scope)
        assert scope[name] is not None or module == "metaflow.metaflow_config"


@pytest.mark.parametrize("name", sorted(UNSUPPORTED))
def test_what_is_not_supported_says_what_to_do_instead(name: str) -> None:
    metaflow = import_module("metaflow")
    if name in metaflow.__all__:
        pytest.skip("it is supported")
    if name in UNUSABLE:
        for use in (lambda it: it("x"), lambda it: it.attribute, lambda it: new_class("Derived", (it,))):
            with pytest.raises(exception.MetaflowException, match=f"'{name}' of Metaflow is not supported by flowc; "):
                use(getattr(metaflow, name))
        return
    with pytest.raises(ImportError, match="is not supported by flowc; "):
        getattr(metaflow, name)


def test_modules_are_attributes_of_metaflow(project: Project) -> None:
    """After `import metaflow`, submodules are attributes of `metaflow`, as in Metaflow."""
    names = "cards", "client", "events", "plugins", "runner", "user_configs", "util"
    project.write("program.py", f"import metaflow; print(*(getattr(metaflow, name).__name__ for name in {names}))")
    assert project.python("program.py").out.split() == [f"metaflow.{name}" for name in names]


def test_hints_are_sentences_without_an_end() -> None:
    for hint in [*UNSUPPORTED.values(), *UNSUPPORTED_MODULES.values()]:
        assert hint
        assert not hint.endswith(".")


def test_the_version_is_that_of_the_api() -> None:
    from metaflow import __version__
    from metaflow.metaflow_version import get_version

    assert __version__ == get_version(public=True) == "2.19.39"
    assert get_version().startswith("2.19.39+flowc.")


# -- metaflow.exception


MADE: list[tuple[Exception, str, str]] = [
    (exception.MetaflowException("m"), "Flow failed", "m"),
    (exception.MetaflowException("m", 3, "flow.py"), "Flow failed", "flow.py, line 3: m"),
    (exception.MetaflowNotFound("no run 3"), "Object not found", "no run 3"),
    (exception.MetaflowNamespaceMismatch("user:x"), "Object not in the current namespace",
     "Object not in namespace 'user:x'"),
    (exception.MetaflowInternalError("m"), "Internal error", "m"),
    (exception.MetaflowDataMissing("m"), "Data missing", "m"),
    (exception.MetaflowInvalidPathspec("a/b"), "Invalid pathspec", "a/b"),
    (exception.MetaflowTaggingError("m"), "Tagging error", "m"),
    (exception.MetaflowUnknownUser(), "Unknown user", "the user's name is not known: set METAFLOW_USER or USER"),
    (exception.CommandException("m"), "Invalid command", "m"),
    (exception.ExternalCommandFailed("ls"), "External command failed", "ls"),
    (exception.ParameterFieldTypeMismatch("m"), "Parameter field with a mismatching type", "m"),
    (exception.InvalidDecoratorAttribute("retry", "tims", {"times": 3, "x": 1}), "Unknown decorator attribute",
     "Decorator 'retry' does not support the attribute 'tims'. These attributes are supported: times, x."),
    (exception.UnhandledInMergeArtifactsException("m", ["a"]), "Unhandled artifacts in merge", "m"),
    (exception.MissingInMergeArtifactsException("m", ["a"]), "Missing artifacts in merge", "m"),
    (exception.MetaflowTestException("m"), "Testing exception", "m"),
]  # fmt: skip


@pytest.mark.parametrize(("error", "headline", "text"), MADE, ids=lambda case: type(case).__name__)
def test_exceptions_have_a_headline_and_outlive_a_pickle(error: Any, headline: str, text: str) -> None:
    assert isinstance(error, exception.MetaflowException)
    assert (error.headline, str(error)) == (headline, text)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), text, vars(error))


def test_a_failed_field_of_a_parameter_tells_its_cause() -> None:
    try:
        1 / 0  # noqa: B018
    except ZeroDivisionError:
        error = exception.ParameterFieldFailed("alpha", "default")
    assert "When evaluating the field *default* for the Parameter *alpha*" in str(error)
    assert "ZeroDivisionError: division by zero" in str(pickle.loads(pickle.dumps(error)))


def test_a_wrapped_exception_is_words() -> None:
    try:
        raise KeyError("k")
    except KeyError as error:
        wrapped = exception.MetaflowExceptionWrapper(error)
    assert (wrapped.type, wrapped.exception) == ("builtins.KeyError", "'k'")
    assert str(pickle.loads(pickle.dumps(wrapped))).endswith("KeyError: 'k'\n")
    assert str(exception.MetaflowExceptionWrapper(ValueError("x"))) == "[no stacktrace]\nbuiltins.ValueError: x"


def test_what_catch_stores_is_a_wrapped_exception(project: Project) -> None:
    project.write(
        "flow.py",
        """
        from metaflow import FlowSpec, catch, step
        from metaflow.exception import MetaflowExceptionWrapper

        class Caught(FlowSpec):
            @catch(var="failure")
            @step
            def start(self):
                int("no number")
                self.next(self.end)

            @step
            def end(self):
                self.is_wrapped = isinstance(self.failure, MetaflowExceptionWrapper)
                self.other_is = isinstance(ValueError(), MetaflowExceptionWrapper)
        """,
    )
    left = project.artifacts(project.run("flow.py"), "end")
    assert (left["is_wrapped"], left["other_is"]) == (True, False)


# -- metaflow.util


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (util.is_stringish("a") and util.is_stringish(b"a"), True),
        (util.is_stringish(1), False),
        (util.to_unicode("ü".encode()), "ü"),
        (util.to_unicode(3), "3"),
        (util.to_bytes("ü"), "ü".encode()),
        (util.to_bytes(3), b"3"),
        (util.to_fileobj("a").read(), b"a"),
        (util.url_quote("a b/ü?x=1&http://y"), b"a%20b/%C3%BC%3Fx%3D1%26http://y"),
        (util.url_unquote(b"a%20b"), "a b"),
        (util.unquote_bytes("a%20"), "a "),
        (util.all_equal([]), True),
        (util.all_equal([1, 2]), False),
        (util.longest_common_prefix(["abc", "abd"]), "ab"),
        (util.longest_common_prefix([]), ""),
        (util.to_camelcase({"a_b": {"c_d": [{"e_f": 1}]}, "x": "y_z"}), {"aB": {"cD": [{"eF": 1}]}, "x": "y_z"}),
        (util.to_pascalcase({"a_b": [{"aB": 1}]}), {"A_b": [{"AB": 1}]}),
        (util.to_pod({"a": (1, 2), "b": {3}, "c": object, "d": 1.5, "e": None, "f": True, 5: b"x"}),
         {"a": [1, 2], "b": [3], "c": "object", "d": 1.5, "e": "None", "f": True, 5: "b'x'"}),
        (util.which("nonesuch"), None),
    ],
)  # fmt: skip
def test_helpers_answer_as_metaflow_s_do(found: object, wanted: object) -> None:
    assert found == wanted
    assert type(found) is type(wanted)


@pytest.mark.parametrize(
    ("items", "text"),
    [
        (["abc1", "abc2", "abc3"], "abc:1,2,3"),
        (["1", "2"], "1,2"),
        (["x", "x"], "x:,"),
        (["a"], "a"),
        ([f"run/step/{n}" for n in range(1000)], None),
    ],
)
def test_lists_are_compressed(items: list[str], text: str | None) -> None:
    short = util.compress_list(items)
    assert util.decompress_list(short) == items
    assert short == text if text else short.startswith("!") and len(short) < 3000


def test_a_list_with_a_mark_in_it_is_not_compressed() -> None:
    with pytest.raises(exception.MetaflowInternalError, match="Item 'a,b' includes a delimiter character"):
        util.compress_list(["a,b"])


def test_options_of_a_command_line() -> None:
    options = {"a_b": 1, "c": True, "d": False, "e": None, "f": ["x", "y z"], "decospecs": ["k"], "t": "it's"}
    words = ["--a-b", "1", "--c", "--f", "x", "--f", "'y z'", "--with", "k", "--t", """'it'"'"'s'"""]
    assert list(util.dict_to_cli_options(options)) == words


def test_who_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METAFLOW_USER", "ada")
    assert (util.get_username(), util.resolve_identity()) == ("ada", "user:ada")
    monkeypatch.setenv("METAFLOW_PRODUCTION_TOKEN", "t-1")
    assert util.resolve_identity_as_tuple() == ("production", "t-1")


def test_files(tmp_path: Path) -> None:
    with util.TempDir() as name:
        assert os.path.isdir(name)
    assert not os.path.exists(name)
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "back").symlink_to(tmp_path)
    roots = [os.path.relpath(root, tmp_path) for root, _, _ in util.walk_without_cycles(str(tmp_path))]
    assert sorted(roots) == [".", "a", "a/b"]
    (tmp_path / "artifacts.py").write_text("ARTIFACTS = {'x': 1}\n")
    assert util.read_artifacts_module(str(tmp_path / "artifacts.py")) == {"x": 1}
    with pytest.raises(exception.MetaflowInternalError, match="cannot read artifacts"):
        util.read_artifacts_module(str(tmp_path / "missing.py"))


def test_an_archive_that_leaves_its_directory_is_not_extracted(tmp_path: Path) -> None:
    def extract(name: str) -> None:
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w") as tar:
            tar.addfile(tarfile.TarInfo(name))
        content.seek(0)
        with tarfile.open(fileobj=content) as tar:
            util.tar_safe_extract(tar, str(tmp_path / "out"))

    extract("inside")
    assert (tmp_path / "out" / "inside").exists()
    with pytest.raises(Exception, match="nothing was extracted"):
        extract("../outside")


# -- settings


def settings(project: Project, names: str, **environment: str) -> str:
    done = project.python("-c", f"from metaflow.metaflow_config import *; print({names})", **environment)
    assert done.code == 0, done.err
    return done.out.strip()


def test_settings_come_from_the_environment_or_the_users_file(project: Project) -> None:
    assert settings(project, "DEFAULT_DATASTORE, S3_RETRY_COUNT") == "local 7"
    project.write(".metaflowconfig/config.json", '{"METAFLOW_DEFAULT_DATASTORE": "s3", "METAFLOW_S3_RETRY_COUNT": 3}')
    assert settings(project, "DEFAULT_DATASTORE, S3_RETRY_COUNT") == "s3 3"
    assert settings(project, "S3_RETRY_COUNT + 1", METAFLOW_S3_RETRY_COUNT="5") == "6"
    project.write("etc/config_prod.json", '{"METAFLOW_SERVICE_HEADERS": {"a": "b"}}')
    home = {"METAFLOW_HOME": str(project.root / "etc"), "METAFLOW_PROFILE": "prod"}
    assert settings(project, "SERVICE_HEADERS['a'], DEFAULT_DATASTORE", **home) == "b local"


def test_a_setting_that_is_no_such_value_is_told(project: Project) -> None:
    done = project.python("-c", "import metaflow.metaflow_config", METAFLOW_S3_RETRY_COUNT="many")
    assert "METAFLOW_S3_RETRY_COUNT must be of type int" in done.err


def test_a_setting_that_means_nothing_here_is_not_there() -> None:
    with pytest.raises(ImportError, match="BATCH_JOB_QUEUE"):
        exec("from metaflow.metaflow_config import BATCH_JOB_QUEUE")
    with pytest.raises(AttributeError, match="METAFLOW_BATCH_JOB_QUEUE has no effect here"):
        _ = import_module("metaflow.metaflow_config").BATCH_JOB_QUEUE


# -- parsers of files for Config


def packages(python: str | None = None, **packages: str) -> dict[str, object]:
    return {"packages": packages, "python": python}


@pytest.mark.parametrize(
    ("parser", "content", "found"),
    [
        ("requirements_txt", "# x\npandas==2.0 # pinned\n\nnumpy\n", packages(pandas="2.0", numpy="")),
        ("requirements_txt", "scipy >= 1.0, <2\nfoo~=1.2\nbar!=1\nbaz==1.*", packages(scipy="<2,>=1.0", foo="~=1.2", bar="!=1", baz="1.*")),
        ("requirements_txt", "python==3.10\nreq[security]===2", packages("3.10", **{"req[security]": "2"})),
        ("requirements_txt", "foo @ https://x/y.whl#egg", packages(**{"foo@https://x/y.whl#egg": ""})),
        ("pyproject_toml", '[project]\nrequires-python=">=3.10"\ndependencies=["pandas==2", "r[s]>=2,<3"]', packages(">=3.10", **{"pandas": "2", "r[s]": "<3,>=2"})),
        ("pyproject_toml", "[tool.poetry]", packages()),
        ("conda_environment_yml", "name: x\nchannels:\n - c\ndependencies:\n - python=3.10\n - pandas>=2.0\n - numpy # x", packages("3.10", pandas=">=2.0", numpy="")),
        ("conda_environment_yml", "dependencies:\n- pandas=2.0=py\n- foo==1.0", packages(pandas="2.0=py", foo="1.0")),
        ("yaml", "a: 1\nb: [1, 2]", {"a": 1, "b": [1, 2]}),
    ],
)  # fmt: skip
def test_what_a_file_asks_for(parser: str, content: str, found: object) -> None:
    if parser == "pyproject_toml" and sys.version_info < (3, 11):
        pytest.importorskip("tomli")
    assert getattr(import_module("metaflow"), f"{parser}_parser")(content) == found


@pytest.mark.parametrize(
    ("parser", "content", "why"),
    [
        ("requirements_txt", "-r other.txt", "Not a valid PEP 508 requirement: '-r other.txt'"),
        ("requirements_txt", "git+https://x/y", "Not a valid PEP 508 requirement"),
        ("requirements_txt", "foo>=1; python_version > '3'", "Environment markers .* are not supported"),
        ("requirements_txt", "python>3\npython<4", "several versions of Python"),
        ("conda_environment_yml", "dependencies:\n - pip:\n   - foo", "Unsupported subsection 'pip:'"),
        ("conda_environment_yml", "dependencies:\n - conda-forge::foo=1", "is not a valid conda package specifier"),
    ],
)
def test_what_a_file_cannot_ask_for(parser: str, content: str, why: str) -> None:
    with pytest.raises(exception.MetaflowException, match=why):
        getattr(import_module("metaflow"), f"{parser}_parser")(content)


# -- tags, events, torch, lint


@pytest.mark.parametrize("tag", ["", "a" * 501, 3, "\ud800", b"\xff"])
def test_tags_that_are_none(tag: object) -> None:
    from metaflow.tagging_util import validate_tag, validate_tags

    with pytest.raises(exception.MetaflowTaggingError):
        validate_tag(tag)
    validate_tags(["ü", "a" * 500])
    with pytest.raises(exception.MetaflowTaggingError, match="at most 50"):
        validate_tags(map(str, range(51)))
    validate_tags(map(str, range(51)), existing_tags=range(60))


def test_a_trigger_holds_events() -> None:
    from metaflow.events import MetaflowEvent, Trigger

    trigger = Trigger(
        [
            {"timestamp": 100, "id": "1", "name": "early", "type": "event"},
            {"timestamp": "200", "id": "Flow/3/end/0", "name": "metaflow.Flow.end", "type": "run"},
        ]
    )
    late = MetaflowEvent("metaflow.Flow.end", "Flow/3/end/0", datetime.datetime.fromtimestamp(200), "run")
    assert trigger.event == late
    assert [event.name for event in trigger] == ["metaflow.Flow.end", "early"]
    assert trigger.events == list(trigger)
    assert trigger["early"].id == "1"
    assert "early" in trigger
    assert "Flow" in trigger
    assert "metaflow.Flow.end" not in trigger
    with pytest.raises(KeyError):
        trigger["nothing"]
    assert (Trigger().event, Trigger().events, Trigger().run, Trigger().runs) == (None, None, None, None)


def test_torch_learns_of_its_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    from metaflow.plugins.frameworks import pytorch

    with pytest.raises(exception.MetaflowException, match="only in a @parallel step"):
        pytorch.setup_torch_distributed()
    place = SimpleNamespace(main_ip="10.0.0.1", num_nodes=3, node_index=1)
    monkeypatch.setattr(pytorch, "current", SimpleNamespace(get={"parallel": place}.get, run_id="7"))
    for name in ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "NUM_NODES", "WORLD_SIZE", "PL_TORCH_DISTRIBUTED_BACKEND"):
        monkeypatch.setenv(name, "before")
    pytorch.setup_torch_distributed()
    found = [os.environ[name] for name in ("MASTER_ADDR", "NODE_RANK", "NUM_NODES", "WORLD_SIZE")]
    assert found == ["10.0.0.1", "1", "3", "3"]
    assert 51000 <= int(os.environ["MASTER_PORT"]) < 61000
    pytorch.setup_torch_distributed(master_port=77)
    assert os.environ["MASTER_PORT"] == "77"


FLOW = """
    from metaflow import FlowSpec, Parameter, schedule, step

    @schedule(daily=True)
    class Demo(FlowSpec):
        alpha = Parameter("alpha", default=0.1)

        @step
        def start(self):
            self.next(self.{next})

        @step
        def end(self):
            print("ran", self.alpha)

    if __name__ == "__main__":
        Demo()
"""


def test_the_linter_finds_what_flowc_check_finds(project: Project) -> None:
    project.write("flow.py", FLOW.format(next="edn"))
    project.write("good.py", FLOW.format(next="end"))
    project.write(
        "check.py",
        """
        import flow, good
        from metaflow.lint import LintWarn, linter

        @linter.check
        def no_schedule(graph):
            raise LintWarn("schedules are for the weak")

        for case in flow.Demo, good.Demo(use_cli=False):
            try:
                linter.run_checks(case)
            except LintWarn as warning:
                print(warning.line_no, warning.message)
        """,
    )
    done = project.python("check.py")
    assert done.out.splitlines() == [
        "9 there is no step 'edn' (did you mean 'end'?)",
        "None schedules are for the weak",
    ]


def test_a_flow_s_state_tells_of_its_decorators_and_parameters(project: Project) -> None:
    project.write("flow.py", FLOW.format(next="end"))
    code = (
        "from flow import Demo\n"
        "from metaflow.flowspec import FlowStateItems as I\n"
        "state = Demo(use_cli=False)._flow_state\n"
        "print(state[I.FLOW_DECORATORS]['schedule'][0].kwargs, state[I.CACHED_PARAMETERS], state[I.CONFIGS])\n"
    )
    done = project.python("-c", code)
    assert done.out == "{'daily': True} [('alpha', Parameter('alpha'))] {}\n", done.err


# -- command lines


def test_click_is_click() -> None:
    vendored = import_module("metaflow._vendor.click")
    assert vendored is click
    assert import_module("metaflow._vendor.click.testing") is import_module("click.testing")


def test_command_lines_are_made_from_arguments(project: Project) -> None:
    project.write("flow.py", FLOW.format(next="end"))
    project.write(
        "lines.py",
        """
        import subprocess, sys
        from metaflow.cli import start
        from metaflow.runner.click_api import MetaflowAPI

        api = MetaflowAPI.from_cli("flow.py", start)
        line = api().run(alpha=0.5, max_workers=2)
        print(line)
        print(subprocess.run([sys.executable, *line], capture_output=True, text=True, check=True).stdout.strip())
        for wrong in (dict(beta=1), dict(max_workers="two")):
            try:
                api().run(**wrong)
            except (TypeError, ValueError) as error:
                print(error)
        try:
            api().rnu()
        except AttributeError as error:
            print(error)
        try:
            api().resume("start", "end")
        except TypeError as error:
            print(error)
        """,
    )
    line, ran, unknown, ill, missing, several = project.python("lines.py").out.splitlines()
    assert line == "['flow.py', 'run', '--alpha', '0.5', '--max-workers', '2']"
    assert ran.endswith("ran 0.5")
    assert unknown.startswith("Unknown argument: 'beta', possible args are: alpha, ")
    assert ill.startswith("Invalid type for 'max_workers' (<class 'str'>), expected: 'int | None'")
    assert missing.startswith("there is no command 'rnu'; there are run, ")
    assert several == "resume takes at most 1 positional arguments, not 2"


def test_parameters_of_commands() -> None:
    from metaflow.runner.click_api import MetaflowAPI, extract_all_params

    @click.group("tool")
    @click.option("--quiet/--loud", default=False)
    def tool(quiet: bool) -> None:
        """A command line."""

    @tool.command("add-all")
    @click.argument("file", required=True)
    @click.option("--tag", "tags", multiple=True)
    @click.option("--times", type=int, default=3)
    def add_all(file: str, tags: tuple[str, ...], times: int) -> None:
        """Add all."""

    parameters, arguments, options, annotations, defaults = extract_all_params(add_all)
    assert (list(parameters), list(arguments), list(options)) == (
        ["file", "tags", "times"],
        ["file"],
        ["tags", "times"],
    )
    tags = options["tags"]
    assert (tags.opts, tags.secondary_opts, tags.multiple, tags.type) == (["--tag"], [], True, click.STRING)
    assert (annotations["times"], annotations["file"], defaults["times"]) == (int | None, str, 3)
    api = MetaflowAPI.from_cli("f.py", tool)
    assert api(quiet=True).add_all("x.csv", tags=["a", "b"]) == [
        "f.py", "--quiet", "add-all", "--tag", "a", "--tag", "b", "x.csv",
    ]  # fmt: skip
    assert api(quiet=False).add_all(file="x")[:2] == ["f.py", "--loud"]
    with pytest.raises(ValueError, match="Missing argument: file"):
        api().add_all()


def test_run_can_be_looked_at() -> None:
    from metaflow.cli_components.run_cmds import run
    from metaflow.runner.click_api import extract_all_params

    options = extract_all_params(run)[2]
    assert options["max_workers"].opts == ["--max-workers"]
    assert options["run_id_file"].opts == ["--run-id-file"]


def test_the_whole_command_line_is_a_click_command(project: Project) -> None:
    project.write("flow.py", FLOW.format(next="end"))
    code = "import flow\nfrom metaflow.cli import start\nstart.main(['run', '--alpha', '2'], obj=flow.Demo)\n"
    done = project.python("-c", code)
    assert done.code == 0, done.err
    assert "ran 2.0" in done.out


# -- parallel_map, profile


def parallel(project: Project, body: str, **environment: str) -> str:
    project.write("program.py", f"from metaflow import parallel_imap_unordered, parallel_map, profile\n{body}\n")
    done = project.python("program.py", **environment)
    return done.out + done.err


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        ("parallel_map(lambda x: x * 2, range(5), max_parallel=2)", "[0, 2, 4, 6, 8]"),
        ("parallel_map(str, [])", "[]"),
        ("sorted(parallel_imap_unordered(lambda x: x * 2, iter(range(5))))", "[0, 2, 4, 6, 8]"),
        ("[len(x) for x in parallel_map(lambda n: bytes(n), [10_000_000, 3])]", "[10000000, 3]"),
        ("len(set(parallel_map(lambda _: __import__('os').getpid(), range(4))))", "4"),
        ("next(parallel_imap_unordered(abs, [-1], dir='.'))", "1"),
        ("len(__import__('os').listdir('.')) - len(parallel_map(str, range(3), dir='.'))", "-2"),
    ],
)
def test_a_function_over_many_arguments(project: Project, call: str, wanted: str) -> None:
    assert parallel(project, f"print({call})").strip() == wanted


@pytest.mark.parametrize(
    ("function", "why"),
    [
        ("lambda x: 1 / x", "ZeroDivisionError: division by zero"),
        ("lambda x: __import__('sys').exit(3)", "SystemExit: 3"),
        ("lambda x: __import__('os').kill(__import__('os').getpid(), 9)", "Child failed: signal 9"),
        ("lambda x: lambda: x", "pickle"),
    ],
)
def test_a_call_that_fails_ends_all(project: Project, function: str, why: str) -> None:
    body = f"""
import os
from metaflow.multicore_utils import MulticoreException
try:
    parallel_map({function}, [0, 0, 0], dir=".")
except MulticoreException as error:
    print("raised", error)
    try:
        print("a child is left", os.waitpid(-1, 0))
    except ChildProcessError:
        print("no child is left", os.listdir("."))
"""
    said = parallel(project, body)
    assert why in said
    assert "raised Child failed" in said
    assert "no child is left ['program.py']" in said


def test_a_step_calls_in_parallel(project: Project) -> None:
    project.write(
        "flow.py",
        """
        from metaflow import FlowSpec, parallel_map, profile, step

        class Many(FlowSpec):
            @step
            def start(self):
                stats = {}
                with profile("squares", stats_dict=stats):
                    self.squares = parallel_map(lambda x: self.square(x), range(4))
                self.measured = list(stats)
                self.next(self.end)

            def square(self, x):
                return x * x

            @step
            def end(self):
                pass
        """,
    )
    left = project.artifacts(project.run("flow.py"), "start")
    assert left == {"squares": [0, 1, 4, 9], "measured": ["squares"]}


def test_a_block_is_timed(project: Project) -> None:
    body = """
with profile("load"):
    pass
stats = {"loop": 5000}
with profile("loop", stats_dict=stats):
    pass
print(5000 <= stats["loop"] < 6000)
"""
    first, second, added = parallel(project, body).splitlines()
    assert first == "PROFILE: load starting"
    assert second.startswith("PROFILE: load completed in ")
    assert second.endswith("ms")
    assert added == "True"
