"""Secrets are environment variables of one step; no file contains their values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flowc_runtime.run.task.secrets import SecretError, parse_dotenv

if TYPE_CHECKING:
    from project import Project

VALUE = "hunter2-hunter2"

FLOW = """
    import os
    from metaflow import FlowSpec, catch, current, retry, secrets, step

    class Safe(FlowSpec):
        @secrets({arguments})
        @step
        def start(self):
            self.names = sorted(name for name in os.environ if name.startswith("DB_"))
            assert all(os.environ[name] == "hunter2" + "-hunter2" for name in self.names)
            self.next(self.end)

        @step
        def end(self):
            self.after = sorted(name for name in os.environ if name.startswith("DB_") and name != "DB_OUTSIDE")
    """


def write(project: Project, sources: str, more: str = "") -> None:
    project.write("flow.py", FLOW.format(arguments=f"sources={sources}{more}"))


def kept(project: Project) -> bytes:
    """Return the bytes of all files that the run has stored."""
    return b"".join(path.read_bytes() for path in (project.root / ".flowc").rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("sources", "names"),
    [
        ('["env.DB_OUTSIDE"]', ["DB_OUTSIDE"]),
        ('[{"type": "env", "id": "DB_OUTSIDE", "options": {"as": "DB_INSIDE"}}]', ["DB_INSIDE", "DB_OUTSIDE"]),
        ('["dotenv.secret.env"]', ["DB_FILE", "DB_USER"]),
        ('[{"type": "dotenv", "id": "secret.env", "options": {"names": ["DB_USER"]}}]', ["DB_USER"]),
        ('["files.mounted"]', ["DB_MOUNTED"]),
        ('[{"type": "inline", "id": "it", "options": {"env_vars": {"DB_INLINE": "hunter2" + "-hunter2"}}}]',
         ["DB_INLINE"]),
        ('[{"type": "vault.Vault", "id": "db", "role": "reader", "options": {"key": "k"}}]', ["DB_DB_READER_K"]),
        ('["dotenv.secret.env", "files.mounted"]', ["DB_FILE", "DB_MOUNTED", "DB_USER"]),
        ("[]", []),
    ],
)  # fmt: skip
def test_sources(project: Project, sources: str, names: list[str]) -> None:
    project.write("secret.env", f"# the database\nexport DB_USER={VALUE}\nDB_FILE='{VALUE}' # really\n")
    project.write("mounted/DB_MOUNTED", f"{VALUE}\n")
    project.write(
        "vault.py",
        """
        class Vault:
            def get_secret_as_dict(self, secret_id, options={}, role=None):
                return {f"DB_{secret_id}_{role}_{options['key']}".upper(): "hunter2" + "-hunter2"}
        """,
    )
    write(project, sources)
    outside = {"DB_OUTSIDE": VALUE} if "DB_OUTSIDE" in sources else {}
    run = project.run("flow.py", **outside)
    left = project.artifacts(run, "end")
    assert left["names"] == names
    assert left["after"] == []
    assert VALUE.encode() not in kept(project)
    assert VALUE not in project.flowc("ir", "flow.py", **outside).out


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ('["env.DB_NOWHERE"]', "secret 'DB_NOWHERE' (env): the variable DB_NOWHERE is not set"),
        ('["dotenv.missing.env"]', "cannot read missing.env: No such file or directory"),
        ('["dotenv.broken.env"]', "secret 'broken.env' (dotenv): line 2 is not NAME=value"),
        ('["files.nowhere"]', "cannot read the directory: No such file or directory"),
        ('["kubernetes.db"]', "it is a Secret of a cluster; on this machine use env, dotenv or files"),
        ('[{"type": "vault.Nope", "id": "db"}]', "the provider of secrets 'vault.Nope' cannot be loaded"),
        ('[{"type": "vault.Fails", "id": "db"}]', "its provider fails with KeyError in vault.py, line 3"),
        ('[{"type": "vault.Number", "id": "db"}]', "the value of DB_N is of type int, not text"),
        ('["dotenv.one.env", "dotenv.two.env"]', "secrets 'one.env' (dotenv) and 'two.env' (dotenv) both set the"),
        ('["dotenv.path.env"]', "sets the variable PATH, which is already set"),
        (
            '["dotenv.ours.env"]',
            "sets the variable FLOWC_STORE, but names that begin with METAFLOW_ or FLOWC_ are reserved",
        ),
        ('[{"type": "env", "id": "PATH", "options": {"to": "X"}}]', "unknown option 'to'; the only option is 'as'"),
    ],
)
def test_what_fails_says_so_without_the_value(project: Project, sources: str, message: str) -> None:
    project.write("broken.env", f"A=1\n{VALUE}\n")
    project.write("one.env", f"DB_A={VALUE}\n")
    project.write("two.env", f"DB_A={VALUE}\n")
    project.write("path.env", f"PATH={VALUE}\n")
    project.write("ours.env", f"FLOWC_STORE={VALUE}\n")
    project.write(
        "vault.py",
        f"""
        class Fails:
            def get_secret_as_dict(self, secret_id, options={{}}, role=None):
                raise KeyError("{VALUE}")

        class Number:
            def get_secret_as_dict(self, secret_id, options={{}}, role=None):
                return {{"DB_N": 5}}
        """,
    )
    write(project, sources)
    done = project.flowc("run", "flow.py")
    assert done.code == 1
    assert message in done.err
    assert VALUE not in done.err + done.out
    assert VALUE.encode() not in kept(project)


def test_a_variable_that_is_set_is_replaced_only_if_allowed(project: Project) -> None:
    project.write("secret.env", f"DB_A={VALUE}\n")
    write(project, '["dotenv.secret.env"]', ", allow_override=True")
    assert project.artifacts(project.run("flow.py", DB_A="old"), "end")["names"] == ["DB_A"]


def test_a_variable_of_the_environment_of_the_step_is_no_secret(project: Project) -> None:
    text = FLOW.format(arguments='sources=["env.DB_A"]').replace("import FlowSpec,", "import FlowSpec, environment,")
    project.write("flow.py", text.replace("@secrets", '@environment(vars={"DB_A": "other"})\n        @secrets'))
    done = project.flowc("run", "flow.py", DB_A=VALUE)
    assert done.code == 1
    assert "secret 'DB_A' (env) sets the variable DB_A, which is already set" in done.err
    assert "the variable DB_A is not set; set it before you start the run" in project.flowc("run", "flow.py").err
    assert VALUE.encode() not in kept(project)


def test_the_default_type_comes_from_the_environment(project: Project) -> None:
    project.write("secret.env", f"DB_A={VALUE}\n")
    write(project, '["secret.env"]')
    run = project.run("flow.py", METAFLOW_DEFAULT_SECRETS_BACKEND_TYPE="dotenv")
    assert project.artifacts(run, "end")["names"] == ["DB_A"]


def test_a_secret_that_cannot_be_had_can_be_caught(project: Project) -> None:
    write(project, '["env.DB_NOWHERE"]', ')\n        @catch(var="why"')
    left = project.artifacts(project.run("flow.py"), "end")
    assert left["why"].type == "flowc_runtime.run.task.secrets.SecretError"


def test_secrets_of_the_command_line(project: Project) -> None:
    """Inline secrets can also be given on the command line, with `--with secrets:sources=[…]`."""
    project.write(
        "flow.py",
        """
        import os
        from metaflow import FlowSpec, step

        class Given(FlowSpec):
            @step
            def start(self):
                self.length = len(os.environ["DB_A"])
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    source = '{"type": "inline", "id": "it", "options": {"env_vars": {"DB_A": "' + VALUE + '"}}}'
    run = project.run("flow.py", "--with", f"secrets:sources=[{source}]")
    assert project.artifacts(run, "end")["length"] == len(VALUE)
    assert VALUE.encode() not in kept(project)


def test_dotenv() -> None:
    text = """# comment

A=1
export B = two words # comment
C='sin#gle $A'
D="dou\\nble \\"quoted\\""
E=
F=a#b=c
G="two
lines"
"""
    assert parse_dotenv(text.replace("\n\n", "\r\n\r\n")) == {
        "A": "1", "B": "two words", "C": "sin#gle $A", "D": 'dou\nble "quoted"', "E": "", "F": "a#b=c",
        "G": "two\nlines",
    }  # fmt: skip


@pytest.mark.parametrize(("text", "line"), [("A=1\nB\n", 2), ("A='x\n", 1), ("1A=x", 1), ("A='x' y", 1)])
def test_dotenv_refuses(text: str, line: int) -> None:
    with pytest.raises(SecretError, match=f"line {line} is not NAME=value"):
        parse_dotenv(text)
