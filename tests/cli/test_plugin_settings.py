"""Settings that name a plugin: an unknown name is an error for every flow, with exit code 2 and the known names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plugins import install_plugins

if TYPE_CHECKING:
    from project import Project

NAMES = {
    "secrets": ("there is no source of secrets 'nope'", "the sources are env, dotenv, files, kubernetes"),
    "catalog": ("there is no catalog 'nope'", "did you mean 'none'?"),
    "pickler": ("there is no pickler 'nope'", "the picklers are pickle, cloudpickle"),
    "tracker": ("there is no tracker 'nope'", "did you mean 'none'?"),
}


@pytest.fixture
def plain(project: Project) -> Project:
    """A project with a function that has neither files nor secrets nor metrics."""
    install_plugins(project)
    project.write("plain.py", "def one(): return 1\n")
    return project


@pytest.mark.parametrize("key", NAMES)
def test_an_unknown_plugin_is_refused_although_the_flow_does_not_need_it(plain: Project, key: str) -> None:
    assert plain.flowc("run", "--local", "plain.py:one").code == 0
    message, hint = NAMES[key]
    variable = f"FLOWC_{key.upper()}"
    commands = (["run"], ["run", "--local"], ["run", "--mock"], ["resume"], ["compile"],
                ["compile", "--target", "stepfunctions", "--store", "s3://a/b", "--image", "i"])  # fmt: skip
    for words in commands:
        done = plain.flowc(*words, "plain.py:one", **{variable: "nope"})
        assert done.code == 2, words
        assert f"error: {variable}: {message}\nhint: " in done.err
        assert hint in done.err
    assert len(plain.store.runs("one")) == 1
    assert plain.flowc("runs", **{variable: "nope"}).code == 0  # reads the store only


def test_all_unknown_plugins_of_a_file_are_reported_with_their_lines(plain: Project) -> None:
    plain.write("flowc.toml", "\n".join(f'{key} = "nope"' for key in NAMES))
    done = plain.flowc("run", "plain.py:one")
    assert done.code == 2
    places = [line for line in done.err.splitlines() if line.startswith("error")]
    assert places == [
        f"error: flowc.toml:{list(NAMES).index(key) + 1}: {NAMES[key][0]}"
        for key in ("catalog", "secrets", "pickler", "tracker")
    ]
    shown = plain.flowc("config")
    assert (shown.code, shown.err) == (2, done.err)
    doctor = plain.flowc("doctor")
    assert doctor.code == 1
    assert "BAD  flowc.toml:1: there is no source of secrets 'nope': " in doctor.out


def test_an_unknown_source_of_the_option_is_refused(plain: Project) -> None:
    done = plain.flowc("run", "--local", "--secrets", "nope:x", "plain.py:one")
    assert done.code == 2
    assert (
        "Invalid value for '--secrets': there is no source of secrets 'nope'; install the package that provides it"
        in done.err
    )
    done = plain.flowc("compile", "--secrets", "nope:x", "plain.py:one")
    assert (done.code, "error: --secrets: there is no source of secrets 'nope'" in done.err) == (2, True)


def test_plugins_that_are_installed_are_accepted(plain: Project) -> None:
    done = plain.flowc("run", "--local", "plain.py:one", FLOWC_CATALOG="directory", FLOWC_PICKLER="zipped")
    assert done.code == 0, done.err


@pytest.mark.parametrize(
    ("words", "environment"),
    [
        (["runs"], {"FLOWC_STORE": "nope://x"}),
        (["runs", "--store", "nope://x"], {}),
        (["run", "--local", "plain.py:one"], {"FLOWC_STORE": "nope://x"}),
        (["spin", "plain.py:one", "one"], {"FLOWC_STORE": "nope://x"}),
        (["runs"], {"METAFLOW_DEFAULT_DATASTORE": "nope"}),
        (["run", "plain.py:one"], {"FLOWC_START": "nope"}),
        (["run", "plain.py:one"], {"FLOWC_EXECUTOR": "nope"}),
        (["run", "plain.py:one"], {"FLOWC_EXECUTOR": "svg"}),
        (["run", "plain.py:one"], {"FLOWC_CONFIGURATION_FILE": "nope.toml"}),
        (["config"], {"FLOWC_START": "nope"}),
    ],
)
def test_each_wrong_setting_has_the_exit_code_2(plain: Project, words: list[str], environment: dict[str, str]) -> None:
    done = plain.flowc(*words, **environment)
    assert done.code == 2, done.err
    assert "nope" in done.err or "svg" in done.err
    assert plain.store.flows() == []
