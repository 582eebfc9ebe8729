"""Hooks that change flows: the steps and decorators that a hook sees, and the decorators that it adds before a run."""

from __future__ import annotations

import io
import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from metaflow._legacy.stand_ins import FlowDatastore
from metaflow.exception import MetaflowException
from metaflow.plugins.datastores.local_storage import LocalStorage
from project import PACKAGES, ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from project import Project

HOME = "metaflow_extensions/acme/plugins"
POINTS = """
    STEP_DECORATORS_DESC = [("adds", ".hooks.Adds"), ("counted", ".hooks.Counted"), ("sees", ".hooks.Sees"),
                            ("framework", ".hooks.Framework"), ("both", ".hooks.BothStep"), ("keeps", ".hooks.Keeps")]
    FLOW_DECORATORS_DESC = [("everywhere", ".hooks.Everywhere"), ("both", ".hooks.BothFlow")]
"""
HOOKS = """
    import io, os
    from metaflow.flowspec import INTERNAL_ARTIFACTS_SET
    from metaflow.metadata_provider import MetaDatum
    from metaflow.plugins.datastores.local_storage import LocalStorage
    from metaflow.decorators import FlowDecorator, StepDecorator, _attach_decorators_to_step
    from metaflow.plugins.cards.card_decorator import CardDecorator
    from metaflow.plugins.parallel_decorator import ParallelDecorator, _local_multinode_control_task_step_func

    class Adds(StepDecorator):
        name = "adds"
        defaults = {"specs": [], "cards": 0}

        def step_init(self, flow, graph, step_name, decorators, environment, flow_datastore, logger):
            for step in flow:
                if step.name == step_name:
                    _attach_decorators_to_step(step, self.attributes["specs"])
            for number in range(self.attributes["cards"]):
                decorators.append(CardDecorator(attributes={"type": "blank", "id": f"card{number}"}))

    class Counted(StepDecorator):
        name = "counted"
        defaults = {"label": "-"}

        def init(self):
            self.begun = ["init"]

        def step_init(self, flow, graph, step_name, decorators, environment, flow_datastore, logger):
            self.begun.append(step_name)

        def task_pre_step(self, step_name, task_datastore, metadata, run_id, task_id, flow, *others):
            flow.counted = [*getattr(flow, "counted", []), [self.attributes["label"], self.begun, self.statically_defined]]

    class Everywhere(FlowDecorator):
        name = "everywhere"

        def flow_init(self, flow, graph, *others):
            for node in graph:
                if "counted" not in {one.name for one in node.decorators}:
                    node.decorators.append(Counted(attributes={"label": f"of {node.name}"}))

    class Sees(StepDecorator):
        name = "sees"

        def step_init(self, flow, graph, step_name, decorators, environment, flow_datastore, logger):
            assert decorators is graph[step_name].decorators
            self.seen = {
                "steps": [step.__name__ for step in flow],
                "again": [step.name for step in type(flow)(use_cli=False)],
                "here": [one.name for one in flow._graph[step_name].decorators],
                "cards": [dict(one.attributes) for one in decorators if isinstance(one, CardDecorator)],
                "parallel": [node.name for node in graph if any(isinstance(d, ParallelDecorator) for d in node.decorators)],
                "times": [one.attributes["times"] for one in decorators if one.name == "retry"],
            }
            for one in decorators:
                if one.name == "card":
                    try:
                        one.attributes["id"] = "late"
                    except TypeError:
                        self.seen["fixed"] = True

        def task_pre_step(self, step_name, task_datastore, metadata, run_id, task_id, flow, *others):
            flow.seen = self.seen

    class BothStep(StepDecorator):
        name = "both"
        defaults = {"times": 1}

        def task_pre_step(self, step_name, task_datastore, metadata, run_id, task_id, flow, *others):
            flow.both = self.attributes["times"], [d.attributes["times"] for d in flow._flow_decorators.get("both", ())]

    class BothFlow(FlowDecorator):
        name = "both"
        defaults = {"times": 2}

        def flow_init(self, flow, graph, *others):
            graph["end"].decorators.append(BothStep(attributes={"times": self.attributes["times"] + 1}))

    class Keeps(StepDecorator):
        name = "keeps"
        defaults = {"of": None}

        def step_init(self, flow, graph, step_name, decorators, environment, flow_datastore, logger):
            INTERNAL_ARTIFACTS_SET.add("_own")
            self.store = flow_datastore

        def task_pre_step(self, step_name, task_datastore, metadata, run_id, task_id, flow, *others):
            flow._own = object
            metadata.register_metadata(run_id, step_name, self.attributes["of"] or task_id, [MetaDatum("early", 1, "number", [])])
            where = LocalStorage.path_join(task_datastore._path, "file")
            task_datastore._storage_impl.save_bytes([(where, (io.BytesIO(b"kept"), {"a": 1}))])
            with self.store._storage_impl.load_bytes([where, "nowhere"]) as loaded:
                flow.loaded = [(path == where, file and open(file).read(), meta) for path, file, meta in loaded]
            flow.root = self.store._storage_impl.datastore_root

        def task_finished(self, step_name, flow, graph, is_task_ok, retry_count, max_user_code_retries):
            flow._metadata = None

    class Framework(ParallelDecorator):
        name = "framework"
        defaults = {"port": 1, "own": False}
        IS_PARALLEL = True

        def step_init(self, flow, graph, step, decos, environment, flow_datastore, logger):
            super().step_init(flow, graph, step, decos, environment, flow_datastore, logger)

        def task_decorate(self, step_func, flow, graph, retry_count, max_user_code_retries, ubf_context):
            if not self.attributes["own"]:
                return super().task_decorate(step_func, flow, graph, retry_count, max_user_code_retries, ubf_context)
            def run():
                flow.context = ubf_context
                _local_multinode_control_task_step_func(flow, os.environ, step_func, retry_count, None)
            return run

        def setup_distributed_env(self, flow):
            flow.context = f"port {self.attributes['port']}"
"""


def write(project: Project, work: str, code: str = "pass", above: str = "") -> None:
    project.write(f"{HOME}/__init__.py", POINTS)
    project.write(f"{HOME}/hooks.py", HOOKS)
    names = work.replace("\n", "\n            ")
    project.write("flow.py", f"""
        from metaflow import FlowSpec, adds, both, card, counted, everywhere, framework, keeps, retry, sees, step

        {above}
        class Work(FlowSpec):
            @step
            def start(self):
                self.next(self.work)

            {names}
            @step
            def work(self):
                {code}
                self.next(self.end)

            @step
            def end(self):
                pass

        if __name__ == "__main__":
            Work()
    """)  # fmt: skip


def work_of(project: Project) -> dict[str, Any]:
    """Return the node `work` in the IR."""
    written = project.flowc("ir", "flow.py")
    assert written.code == 0, written.err
    return next(node for node in json.loads(written.out)["nodes"] if node["id"] == "work")


def cards_of(project: Project) -> list[tuple[str, str]]:
    listed = project.python("flow.py", "card", "list", "work", "--as-json")
    assert listed.code == 0, listed.err
    return sorted((card["type"], card["id"] or "") for card in json.loads(listed.out)["cards"])


# -- adding ------------------------------------------------------------------------------------------------------------


def test_cards_that_a_hook_has_added_are_made(project: Project) -> None:
    write(project, '@adds(specs=["card:type=blank,id=mine"], cards=2)\n@card')
    project.run("flow.py")
    assert cards_of(project) == [("blank", "card0"), ("blank", "card1"), ("blank", "mine"), ("default", "")]


def test_others_are_added_where_there_is_none(project: Project) -> None:
    specs = '["retry:times=1,minutes_between_retries=0", "timeout:seconds=9", "retry:times=5"]'
    write(project, f"@adds(specs={specs})\n@retry(times=2)")
    assert (work_of(project)["retry"]["times"], work_of(project)["timeout"]) == (2, {"seconds": 9})
    write(project, f"@adds(specs={specs})")
    assert work_of(project)["retry"] == {"times": 1}


def test_decorators_with_hooks_are_added_and_begin(project: Project) -> None:
    """A hook may add decorators as text or as objects; an object keeps the state that the hook has set."""
    write(project, '@adds(specs=["counted:label=late"])')
    found = project.artifacts(project.run("flow.py"), "work")
    assert found["counted"] == [["late", ["init", "work"], False]]
    write(project, '@counted(label="own")', above="@everywhere")
    run = project.run("flow.py")
    assert project.artifacts(run, "work")["counted"] == [
        ["of start", ["init", "start"], False],
        ["own", ["init", "work"], True],
    ]
    assert project.artifacts(run, "end")["counted"][2:] == [["of end", ["init", "end"], False]]


def test_a_pod_has_them_once(project: Project, tmp_path: Path) -> None:
    """Added decorators are in the IR, so hooks in a pod do not add them a second time."""
    write(project, '@adds(specs=["counted:label=late", "card:type=blank"], cards=1)', above="@everywhere")
    node = work_of(project)
    assert [plugin["name"] for plugin in node["plugins"]] == ["adds", "counted"]
    assert [card.get("id") for card in node["cards"]] == [None, "card0"]
    code = tmp_path / "code"
    shutil.copytree(project.root, code, ignore=shutil.ignore_patterns(".flowc"))
    (tmp_path / "ir.json").write_text(project.flowc("ir", "flow.py").out)
    environment = {
        "FLOWC_STORE": str(project.root / ".flowc"), "FLOWC_RUN": "run-1", "FLOWC_IR": str(tmp_path / "ir.json"),
        "FLOWC_CODE": str(code), "FLOWC_OUT": str(tmp_path / "out"),
        "PYTHONPATH": os.pathsep.join([*(str(ROOT / part) for part in PACKAGES), str(code)]),
    }  # fmt: skip
    for name in ("start", "work"):
        done = project.python("-m", "flowc_runtime", "task", name, "--path", "0", "--retry", "0", **environment)
        assert done.code == 0, done.err
    assert project.artifacts(project.latest(), "work")["counted"] == [
        ["of start", ["init", "start"], False],
        ["of work", ["init", "work"], False],
    ]
    assert cards_of(project) == [("blank", ""), ("blank", "card0")]


@pytest.mark.parametrize(
    ("work", "expected"),
    [
        ('@adds(specs=["retry:tims=1"])', "@retry has no argument 'tims'; did you mean 'times'?"),
        ('@adds(specs=["card:type=nowhere"])', "@card: there is no card of type 'nowhere'"),
        (
            '@adds(specs=["parallel"])',
            "a hook cannot add @parallel to step 'work': the step has been read already",
        ),
        (
            '@adds(specs=["nonesuch"])',
            "a hook cannot add @nonesuch to step 'work': the step has been read already",
        ),
    ],
)
def test_faults(project: Project, work: str, expected: str) -> None:
    write(project, work)
    done = project.flowc("check", "flow.py")
    assert done.code == 1
    assert expected in done.err


def test_attributes_have_to_travel(project: Project) -> None:
    write(project, "", above="@everywhere")
    source = project.root / HOME / "hooks.py"
    source.write_text(source.read_text().replace('f"of {node.name}"', "print"))
    done = project.flowc("check", "flow.py")
    assert "a hook cannot add @counted to step 'work': JSON cannot hold its attributes" in done.err


@pytest.mark.parametrize(
    ("odd", "shown"),
    [
        ('"retry"', "'retry'"),
        ("object", "<class 'object'>"),
        ("None", "None"),
        ("Everywhere()", "<metaflow_extensions.acme.plugins.hooks.Everywhere object at "),
        ("type('Bare', (StepDecorator,), {'__init__': lambda self: None})()", "<metaflow_extensions.acme."),
        ("type('Named', (StepDecorator,), {'name': 3})()", "<metaflow_extensions.acme."),
    ],
)
def test_what_is_no_decorator(project: Project, odd: str, shown: str) -> None:
    """The error names the hook and a line: of the flow, or of the extension if its code is packaged with the flow."""
    for hook, work, above in (("step_init of @adds", "@adds", ""), ("flow_init of @everywhere", "", "@everywhere")):
        write(project, work, above=above)
        source = project.root / HOME / "hooks.py"
        text = source.read_text()
        text = text.replace("for number in range", f"decorators.append({odd})\n        for number in range")
        source.write_text(text.replace('Counted(attributes={"label": f"of {node.name}"})', odd))
        for command in (("check", "flow.py"), ("run", "flow.py")):
            done = project.flowc(*command)
            assert done.code == 1
            assert f"{hook} failed: it has added {shown}" in done.err
            assert "but this object is not a decorator of steps: add an object of a class that derives" in done.err
            assert "Traceback" not in done.err


def test_a_task_is_too_late(project: Project) -> None:
    code = "__import__('metaflow').decorators._attach_decorators_to_step(self._graph['work'], ['card'])"
    write(project, "@adds", code)
    done = project.flowc("run", "flow.py")
    assert "decorators can be attached to a step in flow_init and step_init only" in done.err


# -- seeing ------------------------------------------------------------------------------------------------------------


def test_what_a_hook_sees(project: Project) -> None:
    write(project, '@sees\n@card(type="blank")\n@retry')
    seen = project.artifacts(project.run("flow.py"), "work")["seen"]
    assert seen["steps"] == seen["again"] == ["end", "start", "work"]
    assert sorted(seen["here"]) == ["card", "retry", "sees"]
    (card,) = seen["cards"]
    assert (card["type"], card["id"], card["timeout"], card["options"]) == ("blank", None, 45, {})
    assert (seen["fixed"], seen["times"], seen["parallel"]) == (True, ["3"], [])


def test_the_graph_of_a_flow_has_them_too(project: Project) -> None:
    """In a step and outside a run, `_graph` shows the decorators that hooks have added."""
    write(project, "@retry(times=1)\n@counted", "self.names = [d.name for d in self._graph['work'].decorators]")
    assert project.artifacts(project.run("flow.py"), "work")["names"] == ["counted", "retry"]
    code = "from flow import Work; print([(d.name, dict(d.attributes)) for d in Work(use_cli=False)._graph['work'].decorators])"
    done = project.python("-c", code)
    assert done.out == "[('counted', {'label': '-'}), ('retry', {'times': 1, 'minutes_between_retries': '2'})]\n", (
        done.err
    )


def test_one_name_for_steps_and_for_flows(project: Project) -> None:
    """If a flow decorator and a step decorator have one name, hooks and `--with` add the step decorator."""
    write(project, "@both(times=7)", above="@both")
    run = project.run("flow.py")
    assert project.artifacts(run, "work")["both"] == (7, [2])
    assert project.artifacts(run, "end")["both"] == (3, [2])
    assert project.artifacts(project.run("flow.py", "--with", "both:times=9"), "start")["both"] == (9, [2])


# -- keeping -----------------------------------------------------------------------------------------------------------


def test_what_decorators_say_and_keep(project: Project) -> None:
    """Hooks register metadata of the task, store files, and set attributes that are not artifacts."""
    write(project, "@keeps")
    found = project.artifacts(project.run("flow.py"), "work")
    assert found["loaded"] == [(True, "kept", {"a": 1}), (False, None, None)]
    assert found["root"] == str(project.root / ".flowc")
    assert "_own" not in found
    code = (
        "from metaflow import Flow, namespace; namespace(None); run = Flow('Work').latest_run; "
        "print([(m.value, m.type) for m in run['work'].task.metadata if m.name == 'early'], 'early' in run['end'].task.metadata_dict)"
    )
    assert project.python("-c", code).out == "[('1', 'number')] False\n"


def test_metadata_of_other_tasks_is_refused(project: Project) -> None:
    write(project, '@keeps(of="end-0")')
    done = project.flowc("run", "flow.py")
    assert "/work/end-0 itself can register its metadata" in done.err


def test_files_of_extensions_need_a_directory(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWC_STORE", "s3://bucket/prefix")
    with pytest.raises(
        MetaflowException, match="keep files only in a store that is a directory, but this store is of type s3"
    ):
        _ = FlowDatastore("Work")._storage_impl


def test_a_storage_of_files(tmp_path: Path) -> None:
    storage = LocalStorage(str(tmp_path))
    storage.save_bytes([("a/b", io.BytesIO(b"x")), ("a/c/d", io.BytesIO(b"yy"))])
    storage.save_bytes([("a/b", io.BytesIO(b"new"))])
    assert (tmp_path / "a" / "b").read_bytes() == b"x"
    storage.save_bytes([("a/b", io.BytesIO(b"new"))], overwrite=True)
    assert (tmp_path / "a" / "b").read_bytes() == b"new"
    assert storage.is_file(["a/b", "a", "z"]) == [True, False, False]
    assert (storage.size_file("a/c/d"), storage.size_file("z"), storage.info_file("a/b")) == (2, None, (True, None))
    assert storage.list_content(["a", "z"]) == [("a/b", True), ("a/c", False)]
    assert (storage.basename("a/b"), storage.dirname("a/b"), storage.path_split("a/b")) == ("b", "a", ["a", "b"])
    assert storage.full_uri("a/b") == f"{tmp_path}/a/b"


def test_files_of_a_storage_have_the_rights_that_the_umask_gives(tmp_path: Path) -> None:
    """The umask determines the permissions of the files, so that other users of the store can read them."""
    before = os.umask(0o027)
    try:
        LocalStorage(str(tmp_path)).save_bytes([("a/b", (io.BytesIO(b"x"), {"m": 1}))])
    finally:
        os.umask(before)
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in (tmp_path / "a").iterdir()} == {
        "b": "0o640",
        "b_meta": "0o640",
    }


def test_what_is_kept_with_a_file_is_whole_while_it_is_replaced(tmp_path: Path) -> None:
    """Replacing a file creates a new file, so the content that a reader has opened stays unchanged."""
    storage = LocalStorage(str(tmp_path))
    storage.save_bytes([("a", (io.BytesIO(b"x"), {"m": 1}))])
    with open(tmp_path / "a_meta", encoding="utf-8") as before:
        storage.save_bytes([("a", (io.BytesIO(b"y"), {"m": 2}))], overwrite=True)
        assert before.read() == '{"m": 1}'
    assert storage.info_file("a") == (True, {"m": 2})


class _Broken(io.BytesIO):
    def read(self, size: int | None = -1) -> bytes:
        raise OSError("gone")


def test_a_file_that_cannot_be_read_to_its_end_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="gone"):
        LocalStorage(str(tmp_path)).save_bytes([("a/b", _Broken())])
    assert list((tmp_path / "a").iterdir()) == []


# -- decorators of gangs -----------------------------------------------------------------------------------------------


GANG = """
    from metaflow import FlowSpec, current, framework, step

    class Gang(FlowSpec):
        @step
        def start(self):
            self.next(self.work, num_parallel=2)

        @framework({arguments})
        @step
        def work(self):
            self.node = current.parallel.node_index
            self.next(self.join)

        @step
        def join(self, inputs):
            self.all = sorted([one.node, one.context] for one in inputs)
            self.next(self.end)

        @step
        def end(self):
            pass
"""


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [("port=7", [[0, "port 7"], [1, "port 7"]]), ("own=True", [[0, "ubf_control"], [1, "ubf_task"]])],
)
def test_a_decorator_of_gangs(project: Project, arguments: str, expected: list[list[Any]]) -> None:
    """A decorator derived from ParallelDecorator makes the step a gang, and sets up each of the gang's tasks."""
    write(project, "")
    project.write("gang.py", GANG.replace("{arguments}", arguments))
    assert project.artifacts(project.run("gang.py"), "join")["all"] == expected


def test_a_gang_s_step_needs_one(project: Project) -> None:
    write(project, "")
    project.write("gang.py", GANG.replace("@framework({arguments})", ""))
    assert "leads to 'work' with num_parallel, but 'work' has no @parallel" in project.flowc("check", "gang.py").err
