"""Files of pipelines: the arguments of `Catalog`, for every kind of task."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from flowc.pipeline import Catalog, Pipeline, PipelineError, PythonTask
from flowc_runtime.base.file_patterns import files_below, matching_names, may_match_same
from flowc_runtime.store.backends.objects import blob_key

if TYPE_CHECKING:
    from pathlib import Path

    from project import Project

STEPS = """
    import os
    from flowc.pipeline import Catalog, Map, Parallel, Pipeline, PythonTask, ShellTask, Stub

    def one():
        os.makedirs("data/deep", exist_ok=True)
        for name in ("data/x.csv", "data/deep/.y", "empty", ".hidden"):
            with open(name, "w") as file:
                file.write("" if name == "empty" else "one")
        return [1, 2, 3]
    def two(): write("data/x.csv", "two")
    def write(name, text):
        with open(name, "w") as file:
            file.write(text)
    def part(n): write(f"part-{n}.csv", str(n))
    def same(n): write("same.csv", str(n) if n > 0 else "")
    def branch_a(): write("a.csv", "a")
    def branch_b(): write("b.csv", "b")
    def clean():
        import shutil
        shutil.rmtree("data", ignore_errors=True)
        for name in os.listdir("."):
            if name.endswith(".csv") or name in ("empty", ".hidden"):
                os.remove(name)
    def read():
        found = {}
        for directory, inner, names in os.walk("."):
            inner[:] = [name for name in inner if name not in ("__pycache__", ".flowc")]
            for name in names:
                path = os.path.relpath(os.path.join(directory, name))
                if not path.endswith((".py", ".pyc")):
                    found[path] = open(path).read()
        return found

    def T(function, *returns, **catalog):
        files = Catalog(**catalog) if catalog else None
        return PythonTask(name=function.__name__, function=function, returns=list(returns), catalog=files)
    def P(*steps, name=""):
        return Pipeline(steps=list(steps), name=name)
    """


def run(project: Project, pipeline: str, *words: str) -> Any:
    project.write("pipe.py", STEPS.rstrip() + f"\n\n    pipe = {pipeline}\n")
    return project.flowc("run", "--local", "pipe.py:pipe", *words)


def found_by(project: Project, pipeline: str) -> dict[str, str]:
    """Run a pipeline whose last step is `read`; return the artifact `found`: the files in the data folder."""
    done = run(project, pipeline)
    assert done.code == 0, done.err
    found: dict[str, str] = project.artifacts(project.latest(), "read")["found"]
    return found


def test_files_are_put_and_got_and_the_nearest_version_counts(project: Project) -> None:
    found = found_by(project, """P(
        T(one, put=["data", "empty", ".hidden"]), T(two, put=["data/*.csv"]), T(clean),
        T(read, "found", get=["data", "empty", ".*"]))""")  # fmt: skip
    assert found == {"data/x.csv": "two", "data/deep/.y": "one", "empty": "", ".hidden": "one"}


def test_both_versions_of_a_name_are_kept_and_shown(project: Project) -> None:
    found_by(project, """P(T(one, put=["data/*.csv"]), T(two, put=["**/*.csv"]), T(clean),
        T(read, "found", get=["**/*.csv"]), name="kept")""")  # fmt: skip
    done = project.python("-c", (
        "from metaflow import Flow\n"
        "run = Flow('kept').latest_run\n"
        "for step in ('one', 'two', 'read'):\n"
        "    print([(f.name, f.stage, f.size, f.read_text()) for f in run[step].task.files])\n"
        "print(run['clean'].task.files)"
    ))  # fmt: skip
    assert done.out.splitlines() == [
        "[('data/x.csv', 'put', 3, 'one')]", "[('data/x.csv', 'put', 3, 'two')]", "[('data/x.csv', 'get', 3, 'two')]",
        "[]",
    ]  # fmt: skip
    shown = project.flowc("show", "kept/latest/two/two-0").out
    assert "files:     put data/x.csv (3 bytes)\n" in shown
    fields = json.loads(project.flowc("show", "kept/latest/two/two-0", "--json").out)
    assert [(each["name"], each["stage"]) for each in fields["files"]] == [("data/x.csv", "put")]


def test_files_of_items_and_branches_are_together_after_the_join(project: Project) -> None:
    found = found_by(project, """P(
        T(one, "ns", put=["data/x.csv"]),
        Map(name="m", iterate_on="ns", iterate_as="n", branch=P(T(part, put=["part-*.csv"]))),
        Parallel(name="p", branches={"a": P(T(branch_a, put=["a.csv"])), "b": P(T(branch_b, put=["b.csv"]))}),
        T(clean), T(read, "found", get=["**/*.csv"]))""")  # fmt: skip
    assert found == {
        "data/x.csv": "one", "part-1.csv": "1", "part-2.csv": "2", "part-3.csv": "3", "a.csv": "a", "b.csv": "b",
    }  # fmt: skip


def test_one_name_of_several_items_is_refused_when_it_is_got(project: Project) -> None:
    pipeline = """P(T(one, "ns"),
        Map(name="m", iterate_on="ns", iterate_as="n", branch=P(T(same, put=["same.csv"], compute_data_folder=FOLDER))),
        T(read, "found", get=["same.csv"]), name="items")"""  # fmt: skip
    done = run(project, pipeline.replace(", compute_data_folder=FOLDER", ""), "--max-workers", "1")
    assert done.code == 1
    assert (
        "step 'read' gets 'same.csv', which several tasks have put with different contents: "
        "same/0.0, same/0.1, same/0.2; put it under a different name in each task"
    ) in done.err


def test_equal_files_of_several_items_are_one(project: Project) -> None:
    found = found_by(project, """P(T(one, "ns"), Map(name="m", iterate_on="ns", iterate_as="n",
        branch=P(T(branch_a, put=["a.csv"]))), T(clean), T(read, "found", get=["a.csv"]))""")  # fmt: skip
    assert found == {"a.csv": "a"}


def test_each_task_has_its_data_folder(project: Project) -> None:
    found = found_by(project, """P(
        T(one, put=["x.csv", "deep/.*"], compute_data_folder="data"), T(clean),
        T(read, "found", get=["x.csv", "deep"], compute_data_folder="work/in"))""")  # fmt: skip
    assert found == {"work/in/x.csv": "one", "work/in/deep/.y": "one"}


def test_stubs_and_jobs_have_files_too(project: Project) -> None:
    project.write("input.csv", "given")
    found = found_by(project, """P(Stub(name="input", catalog=Catalog(put=["input.csv"])), T(clean),
        T(read, "found", get=["input.csv"]))""")  # fmt: skip
    assert {name: text.strip() for name, text in found.items()} == {"input.csv": "given"}
    project.write("job.py", """
        from flowc.pipeline import Catalog, PythonJob
        from pipe import branch_a
        job = PythonJob(function=branch_a, name="job", catalog=Catalog(put=["a.csv"]))
        """)  # fmt: skip
    assert project.flowc("run", "--local", "job.py:job").code == 0
    job = project.store.run("job", project.store.runs("job")[-1])
    (file,) = job.task("job", "0")["files"]
    assert (file["name"], file["stage"]) == ("a.csv", "put")


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ('T(branch_a, put=["aa.csv"])', "step 'branch_a' puts 'aa.csv', but {root} has no such file: did you mean 'a.csv'?"),
        ('T(one), T(two, put=["dta/*"])', "step 'two' puts 'dta/*', but {root} has no such file: it has no files"),
        (
            'T(branch_a, put=["*.csv"]), T(read, get=["b.csv"])',
            "step 'read' gets 'b.csv', but no step before it has put such a file: did you mean 'a.csv'?",
        ),
    ],
    ids=["put", "put-folder", "get"],
)  # fmt: skip
def test_no_match_names_what_is_near(project: Project, steps: str, message: str) -> None:
    done = run(project, f"P({steps})")
    assert done.code == 1
    assert message.format(root=project.root) in done.err
    assert project.latest().status()["state"] == "failed"


def test_a_file_that_no_step_puts_is_told_before_the_run(project: Project) -> None:
    done = run(project, 'P(T(branch_a, put=["a.csv"]), T(clean, get=["ab.csv"]), T(branch_b, put=["b.csv"]))')
    assert done.code == 1
    assert "error[bad-policy]: step 'clean' gets the files 'ab.csv', which no step before it puts" in done.err
    assert "hint: did you mean 'a.csv'?" in done.err
    assert project.store.flows() == []


@pytest.mark.parametrize(
    "files",
    [{"put": ["../x"]}, {"get": ["/etc/passwd"]}, {"put": ["a/../../x"]}, {"get": [""]}, {"put": "x.csv"},
     {"put": ["~/x"]}, {"compute_data_folder": "../x"}],
    ids=str,
)  # fmt: skip
def test_patterns_outside_of_the_data_folder_are_refused(files: dict[str, Any]) -> None:
    with pytest.raises(PipelineError, match="Catalog: "):
        Catalog(**files)


def test_a_failed_task_puts_nothing_and_a_handler_sees_what_was_there(project: Project) -> None:
    found = found_by(project, """P(T(one, put=["data/x.csv"]), PythonTask(name="boom",
        function=lambda: 1 / 0, catalog=Catalog(put=["data/deep/.y"]), on_failure=P(T(clean),
        T(read, "found", get=["**"]))))""")  # fmt: skip
    assert found == {"data/x.csv": "one"}


# -- without copies


NO_COPY = (
    """P(T(one, put=["data/x.csv"], store_copy=False), {between}T(read, "found", get=["data/x.csv"]), name="large")"""
)


def test_a_file_without_a_copy_is_used_where_it_is(project: Project) -> None:
    assert found_by(project, NO_COPY.format(between=""))["data/x.csv"] == "one"
    (file,) = project.latest().task("one", "0")["files"]
    assert file["place"] == f"{os.path.realpath(project.root)}/data/x.csv"
    assert not project.store.objects.exists(blob_key(file["digest"]))
    assert "no problems found" in project.flowc("fsck").out


def test_changed_bytes_are_refused_by_both_digests(project: Project) -> None:
    done = run(project, NO_COPY.format(between="T(two), "))
    assert done.code == 1
    was = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
    now = "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3"
    assert f"data/x.csv has changed since: its sha256 was {was} and is {now}; restore it" in done.err


def test_a_missing_file_without_a_copy_names_the_way_out(project: Project) -> None:
    done = run(project, NO_COPY.format(between="T(clean), "))
    assert done.code == 1
    assert (
        "step 'one' has put 'data/x.csv' into the catalog without copying it to the store, and this machine has no file"
        in done.err
    )
    assert "write store_copy=True in the Catalog of that step" in done.err


def test_a_pod_refuses_to_keep_only_the_digest(project: Project) -> None:
    project.write("pod.py", """
        import os
        def f():
            os.environ["FLOWC_POD"] = "pod"  # as the manifest does
            with open("x.csv", "w") as file:
                file.write("x")
        """)  # fmt: skip
    done = run(project, 'P(PythonTask(name="f", function="pod.f", catalog=Catalog(put=["x.csv"], store_copy=False)))')
    assert done.code == 1
    assert "step 'f' puts 'x.csv' into the catalog without copying it to the store, but" in done.err
    assert "write store_copy=True, or put it on a volume that all steps mount" in done.err


# -- the store


def test_a_damaged_or_lost_file_is_found_and_its_step_runs_again(project: Project) -> None:
    found_by(project, 'P(T(one, put=["data/x.csv"]), T(clean), T(read, "found", get=["data/x.csv"]), name="lost")')
    first = project.latest()
    (file,) = first.task("one", "0")["files"]
    blob = project.root / ".flowc" / blob_key(file["digest"])
    kept = blob.read_bytes()
    blob.chmod(0o644)
    blob.write_bytes(b"oops")
    checked = project.flowc("fsck")
    assert checked.code == 1
    assert f"lost/{first.id}/one/one-0" in checked.out
    blob.unlink()
    assert f"lost/{first.id}/one/one-0" in project.flowc("fsck").out
    again = project.flowc("resume", "--origin-run-id", first.id, "pipe.py:pipe", "read")
    assert again.code == 0, again.err
    assert blob.read_bytes() == kept


def test_collections_keep_the_files_of_runs_and_delete_the_others(project: Project) -> None:
    found_by(project, 'P(T(one, put=["data/x.csv"]), T(read, "found", get=["data/x.csv"]), name="gone")')
    names = {blob_key(file["digest"]) for file in project.latest().task("one", "0")["files"]}
    names.add(blob_key(project.latest().task("one", "0")["catalog"]["digest"]))
    for path in (project.root / ".flowc" / "blobs").rglob("*"):
        if path.is_file():
            os.utime(path, (1, 1))
    assert project.flowc("gc", "--delete").code == 0
    assert all(project.store.objects.exists(name) for name in names)
    assert project.flowc("gc", "gone", "--keep-last", "0", "--delete").code == 0
    assert not any(project.store.objects.exists(name) for name in names)


# -- patterns


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("a.csv", ".env", "data/x.csv", "data/.hid/y", "data/deep/z.csv", ".flowc/blob", "data/sub/.flowc/q"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "data" / "loop").symlink_to("..")
    (tmp_path / "link.csv").symlink_to("a.csv")
    return tmp_path


EVERY = [".env", "a.csv", "data/.hid/y", "data/deep/z.csv", "data/x.csv", "link.csv"]
PATTERNS: dict[str, list[str]] = {
    "*.csv": ["a.csv", "link.csv"],
    "**/*.csv": ["a.csv", "data/deep/z.csv", "data/x.csv", "link.csv"],
    "**": ["a.csv", "data/deep/z.csv", "data/x.csv", "link.csv"],
    "data": ["data/.hid/y", "data/deep/z.csv", "data/x.csv"],
    "data/**": ["data/deep/z.csv", "data/x.csv"],
    ".": EVERY,
    ".*": [".env"],
    "*": ["a.csv", "link.csv"],
    "./data//x.csv": ["data/x.csv"],
    "?/x.csv": [],
    "[cd]*/x.csv": ["data/x.csv"],
    "**/deep": ["data/deep/z.csv"],
}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_match_files_and_names_alike(tree: Path, pattern: str) -> None:
    assert files_below(str(tree), pattern) == PATTERNS[pattern]
    assert matching_names(EVERY, pattern) == PATTERNS[pattern]


def test_patterns_that_cannot_match_the_same_file() -> None:
    assert not may_match_same("a.csv", "b.csv")
    assert not may_match_same("m/*.c", "m/x.d")
    assert may_match_same("a.csv", "*.csv")
    assert may_match_same("data", "data/x/y")
    assert may_match_same("x/**", "x/y/z")


def test_the_ir_has_the_files_of_a_step() -> None:
    from flowc.frontends.pipeline.lower_pipeline import load_pipeline
    from flowc_ir.text import print_flow

    catalog = Catalog(put=["x.csv"], store_copy=False, compute_data_folder="./work/")
    loaded = load_pipeline(Pipeline(name="p", steps=[PythonTask(name="f", function=len, catalog=catalog)]))
    assert loaded.flow is not None
    assert "    files put ['x.csv'], copy False, folder work\n" in print_flow(loaded.flow)


# -- secrets -----------------------------------------------------------------------------------------------------------

LEAK = """
    import json, os
    from flowc.pipeline import Catalog, Pipeline, PythonTask, ShellTask

    def leak(text: str, name: str = "out.txt"):
        with open(name.replace("KEY", os.environ["KEY"]), "w") as file:
            file.write(text.replace("KEY", os.environ["KEY"]).replace("JSON", json.dumps(os.environ["KEY"])))

    def task(**catalog):
        return PythonTask(name="leak", function=leak, secrets=["KEY"], catalog=Catalog(**catalog))

    copied = Pipeline(steps=[task(put=["*.txt"])])
    noted = Pipeline(steps=[task(put=["*.txt"], store_copy=False)])
    shell = Pipeline(steps=[ShellTask(name="leak", command="echo $KEY > out.txt", secrets=["KEY"],
                                      catalog=Catalog(put=["out.txt"]))])
    """
SECRET = 'a "quoted" s3cr3t'


@pytest.mark.parametrize(
    "words",
    [
        ["copied", "--text", "the key is KEY."],
        ["copied", "--text", '{"key": JSON}'],
        # flowc reads a file in parts of 1 MiB; this secret begins in the first part and ends in the second
        ["copied", "--text", "." * ((1 << 20) - 5) + "KEY"],
        ["shell"],
    ],
)
def test_a_file_with_the_value_of_a_secret_is_refused(project: Project, words: list[str]) -> None:
    project.write("leaks.py", LEAK)
    if len(words) == 3 and len(words[2]) > 1000:  # too long for the command line
        project.write("values.json", json.dumps({"text": words[2]}))
        words = [words[0], "--params-file", "values.json"]
    done = project.flowc("run", "--local", f"leaks.py:{words[0]}", *words[1:], KEY=SECRET)
    assert done.code == 1
    assert (
        "step 'leak' cannot put 'out.txt': it contains the value of the secret KEY, which is never stored" in done.err
    )
    assert SECRET not in done.err
    stored = [path for path in (project.root / ".flowc").rglob("*") if path.is_file()]
    assert stored
    assert not [path for path in stored if b"s3cr3t" in path.read_bytes()]


def test_a_name_of_a_file_with_the_value_of_a_secret_is_refused(project: Project) -> None:
    project.write("leaks.py", LEAK)
    done = project.flowc("run", "--local", "leaks.py:copied", "--text", "x", "--name", "KEY.txt", KEY="s3cr3t")
    assert done.code == 1
    assert "step 'leak' cannot put a file whose name contains the value of the secret KEY" in done.err
    assert "s3cr3t" not in done.err


@pytest.mark.parametrize(
    ("pipeline", "text", "key", "code"),
    [("noted", "KEY", SECRET, 0), ("copied", "2024", "2", 0), ("copied", "KEY\n", "2", 1), ("copied", "x", "", 0)],
)
def test_secrets_in_files_are_found_like_those_in_returns(
    project: Project, pipeline: str, text: str, key: str, code: int
) -> None:
    """A file of which the store keeps no copy is not searched; a short secret is found only if it is the whole file."""
    project.write("leaks.py", LEAK)
    done = project.flowc("run", "--local", f"leaks.py:{pipeline}", "--text", text, KEY=key)
    assert done.code == code, done.err
