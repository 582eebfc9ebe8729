"""The setting `catalog`: a task's files are kept in the store, in the catalog of a package, or not at all."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from flowc_runtime.store.backends.objects import blob_key
from plugins import install_faulty, install_plugins

if TYPE_CHECKING:
    from project import Finished, Project

PIPE = """
    import os
    from flowc.pipeline import Catalog, Pipeline, PythonTask

    def write(text="kept"):
        os.makedirs("work", exist_ok=True)
        with open("work/a.txt", "w") as file:
            file.write(text)
    def forget():
        if not os.environ.get("KEEP"):
            os.remove("work/a.txt")
    def read():
        if os.environ.get("BREAK"):
            raise ValueError("broken")
        return open("work/a.txt").read()

    pipe = Pipeline(name="files", steps=[
        PythonTask(function=write, catalog=Catalog(put=["*.txt"], compute_data_folder="work")),
        PythonTask(function=forget),
        PythonTask(function=read, returns=["found"], catalog=Catalog(get=["a.txt"], compute_data_folder="work")),
    ])
    """
DIGEST = hashlib.sha256(b"kept").hexdigest()


@pytest.fixture
def piped(project: Project) -> Project:
    install_plugins(project)
    project.write("pipe.py", PIPE)
    return project


def run(project: Project, catalog: str, **environment: str) -> Finished:
    return project.flowc("run", "--local", "pipe.py:pipe", FLOWC_CATALOG=catalog, **environment)


def files(project: Project, step: str) -> Any:
    return project.latest().task(step, "0").get("files", [])


@pytest.mark.parametrize("catalog", ["store", "directory"])
def test_files_come_back_from_every_catalog(piped: Project, catalog: str) -> None:
    done = run(piped, catalog)
    assert done.code == 0, done.err
    assert piped.artifacts(piped.latest(), "read")["found"] == "kept"
    assert piped.store.objects.exists(blob_key(DIGEST)) == (catalog == "store")
    place = {} if catalog == "store" else {"catalog": "directory", "place": str(piped.root / "catalog" / DIGEST)}
    kept = {"name": "a.txt", "digest": DIGEST, "size": 4, **place}
    assert files(piped, "write") == [{**kept, "stage": "put"}]
    assert files(piped, "read") == [{**kept, "stage": "get"}]
    assert piped.flowc("fsck").code == 0


def test_the_client_reads_files_of_a_package_s_catalog(piped: Project) -> None:
    assert run(piped, "directory").code == 0
    code = (
        "from metaflow import Flow; run = Flow('files').latest_run\n"
        "for step in ('write', 'read'): file = run[step].task.files[0]; print(file.catalog, file.read_text())\n"
    )
    assert piped.python("-c", code).out == "directory kept\n" * 2
    (piped.root / "catalog" / DIGEST).write_text("other")
    done = piped.python("-c", code)
    assert (
        "ArtifactError: cannot read 'a.txt': the catalog 'directory' of the distribution 'flowc-every-kind' has "
        in (done.err)
    )


def test_without_a_catalog_files_stay_where_they_are(piped: Project) -> None:
    done = run(piped, "none", KEEP="1")
    assert done.code == 0, done.err
    assert piped.artifacts(piped.latest(), "read")["found"] == "kept"
    assert not piped.store.objects.exists(blob_key(DIGEST))
    assert files(piped, "write") == files(piped, "read") == []
    assert "catalog" not in piped.latest().task("read", "0")


def test_without_a_catalog_a_file_that_is_gone_fails_the_step(piped: Project) -> None:
    done = run(piped, "none")
    assert done.code == 1
    assert (
        f"step 'read' gets 'a.txt', but {piped.root}/work has no such file, and the setting catalog = \"none\" stores no files: "
        'share a folder between the steps, or set "store"'
    ) in done.err
    piped.write("pipe.py", PIPE.replace('put=["*.txt"]', 'put=["*.txt", "*.csv"]'))
    assert "step 'write' puts '*.csv', but " in run(piped, "none").err


def test_a_run_is_resumed_with_another_catalog(piped: Project) -> None:
    """A file is read from the catalog in its record, even if the resumed run stores new files in another catalog."""
    assert run(piped, "directory", BREAK="1").code == 1
    done = piped.flowc("resume", "pipe.py:pipe", FLOWC_CATALOG="store")
    assert done.code == 0, done.err
    assert piped.artifacts(piped.latest(), "read")["found"] == "kept"


def test_files_that_a_catalog_has_lost_or_changed_are_refused(piped: Project) -> None:
    assert run(piped, "directory", BREAK="1").code == 1
    kept = piped.root / "catalog" / DIGEST
    kept.write_text("other")
    (piped.root / "work" / "a.txt").unlink()
    done = piped.flowc("resume", "pipe.py:pipe")
    who = "step 'read' cannot get 'a.txt': the catalog 'directory' of the distribution 'flowc-every-kind'"
    other = hashlib.sha256(b"other").hexdigest()
    assert f"{who} has other bytes at {kept}: their sha256 was {DIGEST} and is {other}" in done.err
    kept.unlink()
    done = piped.flowc("resume", "pipe.py:pipe")
    assert f"{who} cannot fetch {kept}: FileNotFoundError" in done.err
    assert list((piped.root / "work").iterdir()) == []


def test_an_unknown_catalog_is_refused_before_the_run(piped: Project) -> None:
    done = run(piped, "directori")
    assert (done.code, done.err) == (
        2,
        "error: FLOWC_CATALOG: there is no catalog 'directori'\nhint: did you mean 'directory'?\n",
    )
    assert "the catalogs are store, none, directory" in run(piped, "cloud").err
    assert piped.store.flows() == []


def test_a_catalog_that_is_none(piped: Project) -> None:
    install_faulty(piped, "faulty", "[flowc.catalogs]\nfaulty = faulty:CATALOG\n", "CATALOG = 'x'")
    assert "faulty:CATALOG is a str, not a flowc.plugins.FileCatalog" in run(piped, "faulty").err
    text = "class Catalog:\n    def keep(self, path, digest): return None\n    def fetch(self, address, target): pass\n"
    install_faulty(piped, "nothing", "[flowc.catalogs]\nnothing = nothing:CATALOG\n", f"{text}CATALOG = Catalog()\n")
    assert "the catalog 'nothing' of the distribution 'nothing' has returned None for work/a.txt, not its address" in (
        run(piped, "nothing").err
    )


def test_pods_get_the_catalog(piped: Project) -> None:
    assert "FLOWC_CATALOG" not in piped.flowc("compile", "pipe.py:pipe").out
    piped.write("flowc.toml", 'catalog = "directory"\n')
    for target in ("argo", "stepfunctions"):
        done = piped.flowc("compile", "--target", target, "pipe.py:pipe")
        assert done.code == 0, done.err
        assert "FLOWC_CATALOG" in done.out
        assert "directory" in done.out


@pytest.mark.parametrize("target", ["argo", "stepfunctions"])
def test_pods_need_a_catalog(piped: Project, target: str) -> None:
    done = piped.flowc("compile", "--target", target, "pipe.py:pipe", FLOWC_CATALOG="none")
    assert (done.code, done.err) == (
        1,
        "error: step 'read' gets files, but the setting catalog = \"none\" keeps none, and pods share no directory\n"
        "hint: keep files in the store: FLOWC_CATALOG=store\n",
    )
    done = piped.flowc("compile", "--target", target, "pipe.py:pipe", FLOWC_CATALOG="cloud")
    assert (done.code, "FLOWC_CATALOG: there is no catalog 'cloud'" in done.err) == (2, True)
