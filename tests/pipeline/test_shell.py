"""Shell commands as steps: their variables, return values, output, end, and secrets."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from flowc.frontends.pipeline.lower_pipeline import load_pipeline
from flowc.frontends.pipeline.shell_variables import variables_used
from flowc.pipeline import PipelineError, ShellTask, metric, pickled
from flowc_ir import End, Node, Return, Shell, Span
from flowc_runtime.base.ambient import ambient, apart
from flowc_runtime.run.nodes.programs.command_process import run_program
from flowc_runtime.run.nodes.programs.command_returns import CommandReturnError
from flowc_runtime.run.nodes.programs.masking import Masks
from flowc_runtime.run.nodes.programs.shell import CommandError, run_command
from project import has_ended, read_until, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from project import Project


@pytest.fixture(params=["bash", "sh"])
def shell(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let commands run in bash or in sh; flowc uses sh if the PATH contains no bash."""
    if request.param == "sh":
        programs = tmp_path / "programs"
        programs.mkdir()
        for name in ("sh", "cat", "sleep", "true", "env"):
            (programs / name).symlink_to(os.path.realpath(shutil.which(name) or name))
        monkeypatch.setenv("PATH", str(programs))
    return str(request.param)


@pytest.fixture(autouse=True)
def own_state() -> Iterator[None]:
    with apart():
        yield


def run(command: str, *returns: str | Return, values: dict[str, Any] | None = None, **secrets: str) -> dict[str, Any]:
    """Run a command as the code of a step `s`, and return the step's values. In errors, the step is at line 3 of
    flow.py."""
    named = tuple(each if isinstance(each, Return) else Return(name=each, kind="json") for each in returns)
    action = Shell(command=command, returns=named)
    ambient().secrets = secrets
    return run_command(Node(id="s", where=Span("flow.py", 3, 5), run=action, next=End()), action, values or {}, "code")


RETURNED: list[tuple[str, str, dict[str, Any]]] = [
    ("exported values", "export w=5 v='[1, 2]' t='a=b'", {"w": 5, "v": [1, 2], "t": "a=b"}),
    ("no JSON is text", "export w=True v=007 t=NaN", {"w": "True", "v": "007", "t": "NaN"}),
    ("an early exit", "export w=1; exit 0; echo not reached", {"w": 1}),
    ("a comment at the end", "export w=1 # the end", {"w": 1}),
    ("lines", "export w='a\nb\n'", {"w": "a\nb\n"}),
    ("an equals sign and blanks", "export w='  a = b '", {"w": "  a = b "}),
    ("a function", "f() { export w=in; }\nf", {"w": "in"}),
    ("a strict command", "set -eu; export w=1; false || true; export v=2", {"w": 1, "v": 2}),
    ("a here-document", "export w=$(cat <<'END'\n$no 'a'\nEND\n)", {"w": "$no 'a'"}),
    ("a here-document without its end", "export w=1\ncat <<END\nopen", {"w": 1}),
    ("a changed PATH", "PATH=; export w=1", {"w": 1}),
    ("a trap of its own", "trap 'export w=2; echo bye' EXIT; export w=1", {"w": 2}),
    ("a trap that exits", "export w=1; trap 'exit 0' EXIT; exit 5", {"w": 1}),
    ("a trap that is removed", "trap 'export w=2' EXIT; trap - EXIT; export w=1", {"w": 1}),
    ("a trap in a subshell", "export w=1; (trap 'true' EXIT; export w=2)", {"w": 1}),
    ("the value of a subshell is lost", "export w=1; (export w=2)", {"w": 1}),
    ("an export later than the value", "w=1; export w; w=2", {"w": 2}),
    ("lines of the file", 'echo w=5 >> "$FLOWC_RETURNS"; echo "v=a b" >> "$FLOWC_RETURNS"', {"w": 5, "v": "a b"}),
    ("the file of a replaced shell", 'echo w=5 >> "$FLOWC_RETURNS"; exec true', {"w": 5}),
    ("lines in the file", 'cat > "$FLOWC_RETURNS" <<X\nw<<END\na\n\nb=c\nEND\nv=1\nX', {"w": "a\n\nb=c", "v": 1}),
    ("the file takes precedence", 'export w=1; echo w=2 > "$FLOWC_RETURNS"', {"w": 2}),
    ("a value that stays", "true", {"x": "as it was"}),
]


@pytest.mark.parametrize(("command", "values"), [case[1:] for case in RETURNED], ids=[case[0] for case in RETURNED])
def test_a_command_returns(shell: str, command: str, values: dict[str, Any]) -> None:
    assert run(command, *values, values={"x": "as it was"}) == values


def test_a_trap_with_a_function_that_exits_keeps_its_export(capfd: pytest.CaptureFixture[str]) -> None:
    assert run('bye() { export w=10; echo "code $?"; exit; }\ntrap bye EXIT\n(exit 3)\nexit 0', "w") == {"w": 10}
    assert capfd.readouterr().out == "code 0\n"


def test_the_values_are_variables(shell: str, capfd: pytest.CaptureFixture[str]) -> None:
    values = {"n": 3, "f": 0.5, "t": "it's [b]\n$HOME", "l": [1, {"a": "é"}], "yes": True, "none": None}
    run('printf "%s|" "$n" "$f" "$t" "$l" "$yes" "$none"', values=values)
    assert capfd.readouterr().out == '3|0.5|it\'s [b]\n$HOME|[1, {"a": "é"}]|true|null|'


def test_what_shells_and_programs_need_is_kept(
    shell: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", "/active")
    run('echo "$PATH"; echo "$FLOWC_X"', values={"PATH": "mine", "FLOWC_X": "mine"})
    assert capfd.readouterr().out == f"{os.environ['PATH']}\n\n"
    run('echo "$FLOWC_CODE"')
    assert capfd.readouterr().out == f"{os.path.abspath('code')}\n"


def test_the_programs_of_the_virtual_environment_are_first(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    run('command -v python; echo "$VIRTUAL_ENV"')
    assert capfd.readouterr().out == f"{sys.prefix}/bin/python\n{sys.prefix}\n"
    monkeypatch.setenv("VIRTUAL_ENV", "/active")
    run('echo "$PATH $VIRTUAL_ENV"')
    assert capfd.readouterr().out == "/usr/bin:/bin /active\n"


def test_a_large_value_is_refused_only_where_it_is_used() -> None:
    run("true", values={"big": "x" * 200_000})
    assert run("export n=${#big}", "n", values={"big": "x" * 90_000}) == {"n": 90_000}
    with pytest.raises(
        CommandError, match=r"uses 'big', which cannot be an environment variable: it has 200,000 bytes"
    ):
        run("echo $big", values={"big": "x" * 200_000})


def test_a_long_command_runs() -> None:
    assert run("# " + "x" * 200_000 + "\nexport w=1", "w") == {"w": 1}


def test_the_environment_is_not_printed(capfd: pytest.CaptureFixture[str]) -> None:
    assert run("set -x; export w=1", "w", values={"x": "value"}) == {"w": 1}
    assert capfd.readouterr() == ("", "+ export w=1\n+ w=1\n")


def test_output_is_copied_byte_for_byte_and_stdin_is_empty(shell: str, capfdbinary: Any) -> None:
    run(r"cat; printf 'a\377[b]'; printf 'e[/b]' >&2")
    assert capfdbinary.readouterr() == (b"a\xff[b]", b"e[/b]")


FAILURES: list[tuple[str, str, str]] = [
    ("a code", "exit 3", "exited with code 3, and wrote nothing to stderr"),
    ("the last lines", "echo a >&2; echo out; echo b >&2; exit 1", "code 1; the end of its stderr:\n  a\n  b"),
    ("a strict command", "set -e; false; exit 0", "exited with code 1, and wrote nothing"),
    ("a signal", "kill -9 $$", "was killed by SIGKILL, and wrote nothing"),
    ("a trap that fails", "trap 'exit 4' EXIT; exit 0", "exited with code 4, and wrote nothing"),
    (
        "a trap sees the code",
        "trap 'echo code $? >&2' EXIT; exit 6",
        "exited with code 6; the end of its stderr:\n  code 6",
    ),
]


@pytest.mark.parametrize(("command", "message"), [case[1:] for case in FAILURES], ids=[case[0] for case in FAILURES])
def test_a_failing_command_names_its_place(shell: str, command: str, message: str) -> None:
    with pytest.raises(CommandError) as raised:
        run(command, "w")
    assert str(raised.value).startswith("the command of step 's' (flow.py:3) ")
    assert message in str(raised.value)


def test_messages_of_the_shell_have_the_line_of_the_command() -> None:
    with pytest.raises(CommandError, match="s: line 2: no_such_program: command not found"):
        run("echo\nno_such_program\nexit 1", "w")


WRONG: list[tuple[str, str, str]] = [
    ("missing", "w=1", 'did not return \'w\': write `export w=…` in it, or `echo "w=…" >> "$FLOWC_RETURNS"`'),
    (
        "another name",
        "export w=1; echo ww=1 > $FLOWC_RETURNS",
        "wrote 'ww' to $FLOWC_RETURNS, but its task has no such",
    ),
    ("no assignment", "echo w > $FLOWC_RETURNS", "line 1 of $FLOWC_RETURNS is not NAME=value"),
    ("no end", "echo 'w<<END' > $FLOWC_RETURNS", "the value 'w' in $FLOWC_RETURNS has no line 'END' at its end"),
]


@pytest.mark.parametrize(("command", "message"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_a_wrong_return_is_refused(shell: str, command: str, message: str) -> None:
    with pytest.raises(CommandReturnError) as raised:
        run(command, "w")
    assert message in str(raised.value)


def test_a_metric_is_a_number() -> None:
    score = Return(name="score", kind="metric")
    assert run("export score=0.5", score) == {"score": 0.5}
    with pytest.raises(CommandReturnError, match="returned the metric 'score', but its value is not a number"):
        run("export score=high", score)


# -- secrets -----------------------------------------------------------------------------------------------------------


def test_a_secret_is_masked_in_the_output(capfd: pytest.CaptureFixture[str]) -> None:
    run('echo "key $KEY"; set -x; : "$KEY"', KEY="s3cr3t's")
    out, err = capfd.readouterr()
    assert out == "key ***\n"
    assert "s3cr3t" not in err
    assert "***" in err


def test_a_secret_is_masked_in_the_message() -> None:
    with pytest.raises(CommandError, match=r"  no \*\*\*$"):
        run('echo "no $KEY" >&2; exit 1', KEY="s3cr3t")


@pytest.mark.parametrize("command", ["export w=$KEY", 'export w="[\\"a $KEY\\"]"', "echo w=$KEY > $FLOWC_RETURNS"])
def test_a_secret_is_no_return(command: str) -> None:
    with pytest.raises(CommandReturnError, match="returned 'w' with the value of the secret KEY") as raised:
        run(command, "w", KEY="s3cr3t")
    assert "s3cr3t" not in str(raised.value)


def test_a_secret_takes_precedence_over_a_value() -> None:
    run('[ "$KEY" = s3cr3t ]', values={"KEY": "value"}, KEY="s3cr3t")


def test_a_secret_in_pieces_is_masked() -> None:
    text = b"a s3cr3t b s3cr s3cr3ts3 s3cr3tt s3"
    for size in range(1, len(text) + 1):
        stream = Masks({"A": "s3cr3t", "B": "s3cr3ts3"}).stream()
        found = b"".join(stream.feed(text[at : at + size]) for at in range(0, len(text), size)) + stream.end()
        assert found == b"a *** b s3cr *** ***t s3"


def test_each_line_of_a_long_secret_is_masked() -> None:
    masks = Masks({"KEY": "-----BEGIN-----\nabcdef\nx\n"})
    assert masks.text("abcdef x -----BEGIN-----") == "*** x ***"


# -- the end of the processes ------------------------------------------------------------------------------------------


def test_processes_in_the_background_end_with_the_command(tmp_path: Path) -> None:
    assert run(f"sleep 1000 >/dev/null 2>&1 & echo $! > {tmp_path}/pid; export w=1", "w") == {"w": 1}
    assert has_ended(int((tmp_path / "pid").read_text()))


def test_a_timeout_ends_all_processes(tmp_path: Path) -> None:
    class TimeIsUpError(Exception):
        pass

    def expire(number: int, frame: object) -> None:
        raise TimeIsUpError

    before = signal.signal(signal.SIGALRM, expire)
    try:
        with pytest.raises(TimeIsUpError):
            # The output is larger than the pipe's buffer, so the shell sends the alarm only after this process has
            # begun to read.
            output = "head -c 300000 /dev/zero | tr '\\0' x"
            run(f"sleep 1000 & echo $! > {tmp_path}/pid; {output}; kill -ALRM {os.getpid()}; wait")
    finally:
        signal.signal(signal.SIGALRM, before)
    assert has_ended(int((tmp_path / "pid").read_text()))


def test_a_timeout_that_comes_through_another_thread_ends_the_program_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class TimeIsUpError(Exception):
        pass

    def expire(number: int, frame: object) -> None:
        raise TimeIsUpError

    def deliver() -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
        signal.raise_signal(signal.SIGALRM)

    ask = signal.getsignal

    def interrupted(number: int) -> object:
        """Deliver the alarm at the moment when flowc has started the program and asks for the handler of SIGTERM."""
        monkeypatch.setattr(signal, "getsignal", ask)
        assert signal.SIGALRM in signal.pthread_sigmask(signal.SIG_BLOCK, ())
        thread = threading.Thread(target=deliver)
        thread.start()
        thread.join()
        return ask(number)

    before = signal.signal(signal.SIGALRM, expire)
    monkeypatch.setattr(signal, "getsignal", interrupted)
    try:
        with pytest.raises(TimeIsUpError):
            run_program(["sh", "-c", 'sleep 20; : > "$1"', "sh", f"{tmp_path}/waited"], dict(os.environ), Masks({}))
    finally:
        signal.signal(signal.SIGALRM, before)
    assert not (tmp_path / "waited").exists()
    assert signal.SIGALRM not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    assert ask(signal.SIGTERM) == signal.SIG_DFL


def test_the_output_of_a_process_that_empties_its_pipe_is_complete(capfd: pytest.CaptureFixture[str]) -> None:
    run("exec > >(cat; echo end); echo begin")
    assert capfd.readouterr().out == "begin\nend\n"


def test_a_program_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        run_program([str(tmp_path / "no")], {}, Masks({}))


def test_without_a_shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandError, match="needs bash or sh, and PATH has neither"):
        run("true")


# -- in flows ----------------------------------------------------------------------------------------------------------


PIPELINES = """
    from flowc.pipeline import Loop, Map, Parallel, Pipeline, PythonTask, ShellJob, ShellTask, Stub, metric

    def S(name, command, *returns, **more):
        return ShellTask(name=name, command=command, returns=list(returns), **more)

    def make():
        return [1, "a.csv", {"k": "v"}], 3

    def grow(total=0, i=None):
        return total + 1, total >= 2

    flow = Pipeline(name="flow", steps=[
        PythonTask(name="make", function=make, returns=["items", "n"]),
        S("twice", 'export twice=$((n * 2 + x))', "twice"),
        Map(name="each", iterate_on="items", iterate_as="item", branch=Pipeline(steps=[
            S("show", 'echo "item $item n $n"; export seen="$item"', "seen")])),
        Loop(name="loop", max_iterations=3, break_on="done", index_as="i", branch=Pipeline(steps=[
            S("count", 'export last=$i done=false', "last", "done")])),
        S("score", 'export score=0.5', metric("score")),
    ])
    handled = Pipeline(name="handled", steps=[
        S("bad", "echo why >&2; exit 7", on_failure=Pipeline(steps=[S("how", 'export how="$error"', "how")])),
        Stub(name="after"),
    ])
    secret = Pipeline(name="secret", steps=[
        S("show", 'echo "the key is $KEY"; echo "and $KEY" >&2', secrets=["KEY"]),
        S("again", 'export n=${#KEY}; echo "$KEY" >&2; [ -z "${FAIL-}" ]', "n", secrets=["KEY"]),
    ])
    job = ShellJob(command='export y=$((x + 1))', returns=["y"])
    slow = Pipeline(name="slow", steps=[S("slow", "sleep 1000 & echo pid $!; wait")])
    """


@pytest.fixture
def shells(project: Project) -> Project:
    project.write("shells.py", PIPELINES)
    return project


def test_commands_see_and_return_values_everywhere(shells: Project) -> None:
    done = shells.python("-c", "import shells; print('OUT', shells.flow.execute({'x': 1}).outputs)")
    assert done.code == 0, done.err
    (line,) = (line for line in done.out.splitlines() if line.startswith("OUT "))
    values = eval(line[4:])
    assert values == {
        "items": [1, "a.csv", {"k": "v"}], "n": 3, "twice": 7, "seen": [1, "a.csv", {"k": "v"}], "last": 2, "done": False,
        "score": 0.5,
    }  # fmt: skip
    assert "[show/0.1] item a.csv n 3" in done.out


def help_of(shells: Project, words: str) -> str:
    return " ".join(shells.flowc("run", "--local", words, "--help", COLUMNS="200").out.split())


def test_variables_are_parameters_on_the_command_line(shells: Project) -> None:
    assert re.search("--x +TEXT +variable of the command of step 'twice'", help_of(shells, "shells.py:flow"))
    done = shells.flowc("run", "--local", "shells.py:flow")
    assert done.code == 2
    assert "Missing option '--x'" in done.err
    assert shells.flowc("run", "--local", "shells.py:job", "--x", "4").code == 0
    assert shells.artifacts(shells.latest(), "export")["y"] == 5


def test_a_handler_sees_the_failure_and_the_output_is_stored(shells: Project) -> None:
    run = shells.run("shells.py:handled")
    how = shells.artifacts(run, "how")["how"]
    assert how["exception"].startswith("the command of step 'bad' (shells.py:")
    assert how["exception"].endswith("exited with code 7; the end of its stderr:\n  why")
    assert "why" in shells.flowc("logs", f"handled/{run.id}/bad").out


@pytest.mark.parametrize("fails", ["", "yes"])
def test_no_stored_byte_has_a_secret(shells: Project, fails: str) -> None:
    done = shells.flowc("run", "--local", "shells.py:secret", KEY="s3cr3t-value", FAIL=fails)
    assert done.code == (1 if fails else 0)
    assert "the key is ***" in done.out
    assert "s3cr3t-value" not in done.out + done.err
    files = [path for path in (shells.root / ".flowc").rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"s3cr3t-value" in path.read_bytes()]


def test_an_interrupted_run_leaves_no_process(shells: Project) -> None:
    with shells.start("-m", "flowc", "run", "--local", "shells.py:slow") as process:
        pid = int(read_until(process.stdout, "pid ").rpartition("pid ")[2])
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    wait_until(lambda: has_ended(pid), "the command's process still runs")


def test_a_pickled_return_is_refused() -> None:
    with pytest.raises(PipelineError, match="the return 'm' is pickled, but a command returns texts and JSON values"):
        ShellTask(name="s", command="true", returns=[pickled("m")])
    assert ShellTask(name="s", command="true", returns=[metric("m")]).named_returns


# -- variables that become parameters ----------------------------------------------------------------------------------


USED: list[tuple[str, list[tuple[str, bool, str | None]]]] = [
    ("echo $x ${y}", [("x", True, None), ("y", True, None)]),
    ("echo '$x' \"it's $y\" \\$z # $comment", [("y", True, None)]),
    (
        "echo ${x:-5} ${y-} ${z:+1} ${u:?no}",
        [("x", False, "5"), ("y", False, ""), ("z", False, None), ("u", True, None)],
    ),
    ("echo ${x:-5}; echo $x", [("x", True, None)]),
    ("echo $HOME $1 $? $$ ${#x}", []),
    ("x=1; export y=2; for z in 1; do echo $x $y $z; done; read -r u v; echo $u $v", []),
    ("cat <<'END'\n$x\nEND\ncat <<END\n$y\nEND", [("y", True, None)]),
    (". settings.sh; echo $x", [("x", False, None)]),
    ("awk '{print $x}' < $file", [("file", True, None)]),
    ("echo ${x%.csv} ${y:0:3} ${z//a/b}", [("x", True, None), ("y", True, None), ("z", True, None)]),
    ("n=1; echo $((n * x + 0x10 + 16#ff))", [("x", True, None)]),
    ('n=$(wc -l < "$file"); echo $n', [("file", True, None)]),
]


@pytest.mark.parametrize(("command", "names"), USED, ids=[command for command, _ in USED])
def test_the_variables_of_a_command(command: str, names: list[tuple[str, bool, str | None]]) -> None:
    assert [tuple(each) for each in variables_used(command)] == names


def test_a_parameter_of_a_function_keeps_its_type_beside_a_command() -> None:
    from flowc.pipeline import Pipeline, PythonTask

    def function(x: int = 2) -> None: ...

    steps = [ShellTask(name="s", command="echo $x ${y:-a}"), PythonTask(name="f", function=function)]
    loaded = load_pipeline(Pipeline(name="flow", steps=steps))
    assert loaded.flow is not None
    assert [(each.name, each.type, each.required, each.default) for each in loaded.flow.parameters] == [
        ("x", "int", False, "2"), ("y", "str", False, '"a"'),
    ]  # fmt: skip


def test_a_declared_parameter_of_a_command_has_the_type_of_its_default() -> None:
    from flowc.pipeline import Pipeline

    loaded = load_pipeline(
        Pipeline(name="flow", steps=[ShellTask(name="s", command="echo $x $y")], parameters={"x": 3, "y": "a"})
    )
    assert loaded.flow is not None
    assert [(each.name, each.type, each.default) for each in loaded.flow.parameters] == [
        ("x", "int", "3"), ("y", "str", '"a"'),
    ]  # fmt: skip


@pytest.mark.parametrize("program", ["serve", "serve & wait; wait"])
def test_a_command_of_an_interrupted_run_can_clean_up(project: Project, program: str) -> None:
    """SIGTERM is passed to the command once, and the run waits for the command's trap."""
    wait = 'until [ "$asked" ]; do sleep 0.05; done; sleep 0.5; echo ended >> out'
    command = f"serve() {{ trap 'echo bye >> out; asked=1' TERM; echo up > up; {wait}; }}; trap : TERM; {program}"
    project.write("flow.yaml", f"""
        dag:
          start_at: serve
          steps:
            serve:
              type: task
              command_type: shell
              command: {json.dumps(command)}
              next: success
            success:
              type: success
            fail:
              type: fail
        """)  # fmt: skip
    process = project.start("-m", "flowc", "run", "flow.yaml")
    wait_until(lambda: (project.root / "up").exists(), "the command did not start")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert (project.root / "out").read_text() == "bye\nended\n"
    record = project.latest().attempt("serve", "0", 1)
    assert record is not None
    assert record["exit"]["signal"] == "SIGTERM"
