"""Decorators of steps and flows in real runs: `@catch`, projects, exit hooks, and `--with`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from project import Project

FAILS = """
    import os, signal, sys
    from metaflow import FlowSpec, catch, current, retry, step, timeout
    from metaflow.plugins.timeout_decorator import TimeoutException

    class Fails(FlowSpec):
        @step
        def start(self):
            self.next(self.work)

        {decorators}
        @step
        def work(self):
            self.before = "kept"
            self.attempt = current.retry_count
            {code}
            self.next(self.end)

        @step
        def end(self):
            assert isinstance(self.why, Exception)
            self.told = (self.why.type, self.why.exception, str(self.why).splitlines()[-1])
    """
HANDLED = "metaflow.plugins.catch_decorator.FailureHandledByCatch"
TIMEOUT = "metaflow.plugins.timeout_decorator.TimeoutException"


@pytest.mark.parametrize(
    ("code", "kind", "text"),
    [
        ('raise ValueError("boom")', "builtins.ValueError", "boom"),
        ('raise KeyError("a", "b")', "builtins.KeyError", "('a', 'b')"),
        ("signal.pause()", TIMEOUT, "step 'work' took longer than its timeout of 1 s"),
        ("os.kill(os.getpid(), signal.SIGKILL)", HANDLED, "the process was killed by SIGKILL"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", HANDLED, "the process was killed by SIGSEGV (segmentation fault)"),
        ("os._exit(4)", HANDLED, "the process exited with code 4 before the step had finished"),
        ("sys.exit(3)", HANDLED, "the step called sys.exit(3) before it had finished"),
    ],
)
def test_catch_timeout_and_retry_together(project: Project, code: str, kind: str, text: str) -> None:
    """@catch stores the last attempt's failure as an exception with its original type, text and traceback."""
    decorators = '@catch(var="why", print_exception=False)\n        @timeout(seconds="1")\n        @retry(times="1")'
    project.write("flow.py", FAILS.format(decorators=decorators, code=code))
    run = project.run("flow.py")
    told = project.artifacts(run, "end")["told"]
    assert told[0] == kind
    assert told[1].startswith(text)
    assert text.splitlines()[0] in told[2]
    if kind != HANDLED:
        left = project.artifacts(run, "end")
        assert (left["before"], left["attempt"]) == ("kept", 1)


def test_a_timeout_has_its_own_type_inside_the_step(project: Project) -> None:
    code = "try: signal.pause()\n            except TimeoutException as why: self.why = why"
    project.write("flow.py", FAILS.format(decorators="@timeout(seconds=0.5)", code=code).replace("self.why.type", "1")
                  .replace("self.why.exception", "2"))  # fmt: skip
    assert "took longer than its timeout of 1 s" in project.artifacts(project.run("flow.py"), "end")["told"][2]


def test_no_retry_at_all(project: Project) -> None:
    """`@retry(times=0)` protects a step from `--with retry`."""
    project.write("flow.py", FAILS.format(decorators="@retry(times=0)", code="1 / 0"))
    done = project.flowc("run", "flow.py", "--with", "retry:times=5")
    assert done.code == 1
    assert project.latest().attempts("work") == {"0": [1]}


def test_the_variable_of_catch_is_none_after_a_success(project: Project) -> None:
    """The artifact of @catch is None after a success, even after an earlier failure or an assignment by the step."""
    project.write(
        "flow.py",
        """
        from metaflow import FlowSpec, catch, step

        class Twice(FlowSpec):
            @catch(var="why", print_exception=False)
            @step
            def start(self):
                raise ValueError("first")
                self.next(self.fine)

            @catch(var="why")
            @step
            def fine(self):
                assert self.why.exception == "first"
                self.why = 5
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    assert project.artifacts(project.run("flow.py"), "end")["why"] is None


def test_numbers_in_the_environment_are_texts(project: Project) -> None:
    project.write(
        "flow.py",
        """
        import os
        from metaflow import FlowSpec, environment, step

        class Numbers(FlowSpec):
            @environment(vars={"THREADS": 4, "SHARE": 0.5, "FAST": True})
            @step
            def start(self):
                self.seen = [os.environ[name] for name in ("THREADS", "SHARE", "FAST")]
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    assert project.artifacts(project.run("flow.py"), "end")["seen"] == ["4", "0.5", "True"]


# -- projects ----------------------------------------------------------------------------------------------------------

PROJECT = """
    from metaflow import FlowSpec, project, step
    from flowc_runtime.base.ambient import ambient

    @project(name="demo"{more})
    class Base(FlowSpec):
        @step
        def start(self):
            self.project = dict(ambient().task.project)
            self.next(self.end)

        @step
        def end(self):
            pass

    class Train(Base):
        pass
    """


@pytest.mark.parametrize(
    ("more", "options", "environment", "branch"),
    [
        ("", [], {}, "user.ann"),
        ("", ["--branch", "try_1"], {}, "test.try_1"),
        ("", ["--production"], {}, "prod"),
        ("", ["--production", "--branch=b"], {}, "prod.b"),
        ("", [], {"METAFLOW_BRANCH": "b"}, "test.b"),
        ("", [], {"METAFLOW_BRANCH": "b", "METAFLOW_PRODUCTION": "true"}, "prod.b"),
        ("", ["--branch", "c"], {"METAFLOW_BRANCH": "b"}, "test.c"),
        (', branch="b"', [], {}, "test.b"),
        (', branch="b"', ["--production"], {}, "prod.b"),
        (", production=True", ["--branch", "b"], {}, "prod.b"),
    ],
)
def test_the_branch_of_a_project(
    project: Project, more: str, options: list[str], environment: dict[str, str], branch: str
) -> None:
    """The derived class `Train` has the project of its base class."""
    project.write("flow.py", PROJECT.format(more=more))
    run = project.run("flow.py", "--flow", "Train", *options, METAFLOW_USER="ann", **environment)
    expected = {
        "project_name": "demo",
        "branch_name": branch,
        "is_user_branch": branch.startswith("user."),
        "is_production": branch.startswith("prod"),
        "project_flow_name": f"demo.{branch}.Train",
    }
    assert project.artifacts(run, "end")["project"] == expected
    assert run.record()["project"] == expected


@pytest.mark.parametrize(
    ("more", "options", "message"),
    [
        (', branch="b"', ["--branch", "c"], "--branch is 'c', but @project has 'b': give only one"),
        (
            "",
            ["--branch", "Feature-1"],
            "'Feature-1' is not a valid name for a branch: use lower-case letters, digits and _",
        ),
    ],
)
def test_a_branch_that_does_not_fit(project: Project, more: str, options: list[str], message: str) -> None:
    project.write("flow.py", PROJECT.format(more=more))
    done = project.flowc("check", "flow.py", *options)
    assert (done.code, message in done.err) == (2, True)


def test_a_flow_without_a_project_has_no_branch(project: Project) -> None:
    """Without @project, `--production` is an error, but METAFLOW_BRANCH is ignored: it may be for other flows."""
    project.write("flow.py", WITH)
    done = project.flowc("check", "flow.py", "--production")
    assert (done.code, "--production is for flows with @project, and With has none" in done.err) == (2, True)
    assert project.flowc("check", "flow.py", METAFLOW_BRANCH="b").code == 0


# -- exit hooks --------------------------------------------------------------------------------------------------------

HOOKS = """
    import os
    from metaflow import FlowSpec, Parameter, Run, exit_hook, step

    def told(run):
        print(repr(run), run.status, run.successful, [step.id for step in run], run.data and run.data.ok)

    def plain(**given):
        assert isinstance(given["run"], Run)
        print("no line end", end="")

    def fails(run=None):
        raise ValueError("in the hook")

    def dies():
        os.abort()

    @exit_hook(on_error=["dies"])
    @exit_hook(on_success=[told, plain], on_error=[fails, told])
    class Hooked(FlowSpec):
        ok = Parameter("ok", default=True)

        @step
        def start(self):
            assert self.ok
            self.next(self.end)

        @step
        def end(self):
            pass
    """


def test_exit_hooks_after_a_success(project: Project) -> None:
    project.write("flow.py", HOOKS)
    done = project.flowc("run", "flow.py")
    run = project.latest()
    assert done.code == 0
    assert (
        done.out
        == f"[exit_hook told] Run('Hooked/{run.id}') succeeded True ['end', 'start'] True\n[exit_hook plain] no line end\n"
    )


def test_exit_hooks_after_a_failure_change_nothing_when_they_fail(project: Project) -> None:
    project.write("flow.py", HOOKS)
    done = project.flowc("run", "flow.py", "--ok", "false")
    run = project.latest()
    assert done.code == 1
    assert run.status()["state"] == "failed"
    assert done.out == f"[exit_hook told] Run('Hooked/{run.id}') failed False ['start'] None\n"
    assert "note: exit hook dies failed: it was killed by SIGABRT; the run's outcome is unchanged\n" in done.err
    assert "[exit_hook fails] ValueError: in the hook\n" in done.err
    assert "note: exit hook fails failed: it ended with exit code 1; the run's outcome is unchanged\n" in done.err


# -- --with ------------------------------------------------------------------------------------------------------------

WITH = """
    import os
    from metaflow import FlowSpec, current, retry, step

    class With(FlowSpec):
        @retry(times=1)
        @step
        def start(self):
            self.seen = os.environ.get("MODE")
            if current.retry_count < 1:
                raise ValueError("once")
            self.next(self.end)

        @step
        def end(self):
            if current.retry_count < 2:
                raise ValueError("twice")

    if __name__ == "__main__":
        With()
    """


def test_with_adds_what_a_step_lacks(project: Project) -> None:
    """A value in `--with` is JSON or text; a comma inside a JSON value does not end the value."""
    project.write("flow.py", WITH)
    run = project.run("flow.py", "--with", "retry:times=2, minutes_between_retries=0",
                      "--with=environment:vars={\"MODE\": \"a,b=c\", \"OTHER\": \"1\"}")  # fmt: skip
    assert run.attempts("start") == {"0": [1, 2]}
    assert run.attempts("end") == {"0": [1, 2, 3]}
    assert project.artifacts(run, "end")["seen"] == "a,b=c"


def test_with_in_the_flows_own_command_line_and_the_environment(project: Project) -> None:
    project.write("flow.py", WITH)
    done = project.python("flow.py", "run", "--with", "retry:times=2")
    assert done.code == 0, done.err
    assert project.flowc("run", "flow.py", METAFLOW_RUN_DECOSPECS="retry:times=2").code == 0
    assert project.flowc("run", "flow.py").code == 1


@pytest.mark.parametrize("command", ["ir", "compile"])
def test_with_reaches_the_ir_and_the_manifests(project: Project, command: str) -> None:
    project.write("flow.py", WITH)
    done = project.flowc(command, "flow.py", "--with", 'kubernetes:image=repo/image:1.20,cpu=2,labels={"a":"b"}')
    assert done.code == 0, done.err
    assert "repo/image:1.20" in done.out


def test_a_version_stays_text(project: Project) -> None:
    """`--with kubernetes:image=1.20` sets a string, although `1.20` is also a JSON number."""
    project.write("flow.py", WITH)
    done = project.flowc("ir", "flow.py", "--text", "--with", "kubernetes:image=1.20")
    assert "kubernetes image 1.20\n" in done.out


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("retri", "there is no step decorator 'retri'; did you mean 'retry'?"),
        ("project:name=a", "there is no step decorator 'project'; there are batch, cache, card, catch"),
        ("retry:tims=3", "@retry has no argument 'tims'; did you mean 'times'?"),
        ("retry:times=many", "times is a whole number, 0 or more, not 'many'"),
        ("retry:times", "'times' has no value; write argument=value"),
    ],
)
def test_with_refuses(project: Project, spec: str, message: str) -> None:
    project.write("flow.py", WITH)
    done = project.flowc("run", "flow.py", "--with", spec)
    assert done.code == 2
    assert message in done.err and "--with" in done.err
    own = project.python("flow.py", "run", "--with", spec)
    # the text equals the text of Metaflow's error
    assert (own.code, own.err) == (1, f"error: {done.err.partition('Error: ')[2]}")
    assert not project.store.flows()


def test_a_variable_of_catch_given_by_with_is_checked_too(project: Project) -> None:
    project.write("flow.py", HOOKS)
    done = project.flowc("check", "flow.py", "--with", "catch:var=ok")
    assert done.code == 1
    assert "'ok' is a parameter: a step cannot assign to it" in done.err
