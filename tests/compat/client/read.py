"""Read two runs of ClientFlow with the client.

The run with the tag `one` succeeded; the later run, with the tag `two`, failed.
"""

import pickle

import metaflow
from metaflow import DataArtifact, Flow, Metaflow, Run, Step, Task, get_namespace, metadata, namespace
from metaflow.exception import MetaflowNamespaceMismatch, MetaflowNotFound, MetaflowTaggingError


def raises(kind, function):
    try:
        function()
    except kind as error:
        return str(error)
    raise AssertionError(f"{kind.__name__} was not raised")


assert get_namespace() == "user:me"
flow = Flow("ClientFlow")
assert flow.id == "ClientFlow" and flow.pathspec == "ClientFlow"
assert "ClientFlow" in [f.id for f in Metaflow()]
assert len(list(flow)) == len(list(flow.runs())) == 2
failed, good = list(flow)
assert flow.latest_run.pathspec == failed.pathspec
assert flow.latest_successful_run.pathspec == good.pathspec
assert flow.latest_run.id == failed.id and flow[good.id].pathspec == good.pathspec
assert good.id in flow and "nothing" not in flow
assert [r.id for r in flow.runs("one")] == [good.id]
assert [r.id for r in flow.runs("one", "two")] == []
assert good.successful and good.finished and not failed.successful and not failed.finished
assert good.created_at <= good.finished_at
assert good.pathspec == f"ClientFlow/{good.id}"
assert good.path_components == ["ClientFlow", good.id]
assert good.parent.pathspec == flow.pathspec
assert "one" in good.tags and "one" in good.user_tags and "one" not in good.system_tags
assert "user:me" in good.system_tags and "user:me" in good.tags
assert isinstance(good.tags, frozenset)
assert good.data.letters == "ABC" and good.data.done is True
assert "letters" in good.data and "nothing" not in good.data
assert failed.data is None or not hasattr(failed.data, "done")
assert good.end_task.pathspec.startswith(f"ClientFlow/{good.id}/end/")
assert [s.id for s in good] == ["end", "join", "each", "start"], [s.id for s in good]
assert {s.id for s in good.steps()} == {"start", "each", "join", "end"}
each = good["each"]
assert each.pathspec == Step(f"ClientFlow/{good.id}/each").pathspec
assert len(list(each)) == len(list(each.tasks())) == 3
assert sorted(t.data.letter for t in each) == ["A", "B", "C"]
assert each.task.pathspec in [t.pathspec for t in each]
assert sorted(t.index for t in each) == [0, 1, 2]
(b,) = [t for t in each if t.data.letter == "B"]
assert b.current_attempt == 1, b.current_attempt
assert b.successful and b.finished and b.exception is None
assert b["letter"].data == "B" and b["letter"].sha and b["letter"].size >= 0
assert "letter" in b and "nothing" not in b
assert {a.id for a in b.artifacts} >= {"letter"}
assert b.artifacts.letter.data == "B"
artifact = DataArtifact(f"{b.pathspec}/letter")
assert artifact.data == "B" and artifact.id == "letter" and artifact.parent.pathspec == b.pathspec
assert b.stdout.splitlines()[-1] == "attempt 1", b.stdout
start = good["start"].task
assert start.stdout == "hello out\n", repr(start.stdout)
assert "hello err" in start.stderr
assert [line for _, line in start.loglines("stdout")] == ["hello out"]
assert start.index is None
assert start.metadata_dict["attempt"] == "0", start.metadata_dict["attempt"]
assert "origin-run-id" in start.metadata_dict
assert {m.type for m in start.metadata} >= {"attempt"}
first_attempt = Task(b.pathspec, attempt=0)
assert first_attempt.current_attempt == 0
assert not first_attempt.successful
assert "attempt 0" in first_attempt.stdout
bad = failed["end"].task
assert not bad.successful and not bad.finished
assert "KeyError" in str(bad.exception)
assert bad.exception.exception == "'as asked'", bad.exception.exception
assert [s.id for s in each.parent_steps] == ["start"] and [s.id for s in each.child_steps] == ["join"]
assert [t.pathspec for t in b.parent_tasks] == [start.pathspec]
assert sorted(t.pathspec for t in start.child_tasks) == sorted(t.pathspec for t in each)
assert len(list(good["join"].task.parent_tasks)) == 3
assert good.code is None or hasattr(good.code, "flowspec")
assert each.environment_info is None or isinstance(each.environment_info, dict)
assert good.trigger is None

assert "_parameters" in good and "_parameters" not in [s.id for s in good.steps()]
of_parameters = good["_parameters"].task
assert [t.pathspec for t in Step(f"{good.pathspec}/_parameters")] == [of_parameters.pathspec]
assert Task(of_parameters.pathspec).successful and of_parameters.finished and of_parameters.exception is None
assert of_parameters.data.alpha == 3 and of_parameters["fail"].data is False and of_parameters.data.name == "ClientFlow"
assert {"alpha", "fail", "name"} == {a.id for a in of_parameters} and "letters" not in of_parameters
assert (of_parameters.index, of_parameters.current_attempt) == (
    None,
    0,
) and of_parameters.finished_at <= good.finished_at
assert of_parameters.metadata_dict["attempt-done"] == "0" and "user:me" in of_parameters.tags
assert list(good["_parameters"].parent_steps) == list(good["_parameters"].control_tasks()) == []
assert good["_parameters"].control_task is None and good["_parameters"].environment_info is None

raises(MetaflowNotFound, lambda: Flow("NoSuchFlow"))
raises(KeyError, lambda: good["_parameters"]["nothing"])
raises(MetaflowNotFound, lambda: Run("ClientFlow/nothing"))
raises(KeyError, lambda: good["nothing"])
raises(MetaflowNotFound, lambda: Task(f"{each.pathspec}/99999"))
namespace("user:other")
assert raises(MetaflowNamespaceMismatch, lambda: Run(good.pathspec))
assert get_namespace() == "user:other"
assert list(Metaflow()) == [] or True
namespace(None)
assert Run(good.pathspec).id == good.id
namespace("one")
assert [r.id for r in Flow("ClientFlow")] == [good.id]
namespace(None)
good.add_tag("three")
assert "three" in Run(good.pathspec).user_tags
good.add_tags(["four", "five"])
good.remove_tag("four")
good.replace_tag("five", "six")
good.replace_tags(["six"], ["seven", "eight"])
assert {"three", "seven", "eight"} <= good.user_tags and not {"four", "five", "six"} & good.user_tags
for change in (lambda: good.replace_tags([], []), lambda: good.add_tags([]), lambda: good.remove_tags("seven")):
    raises(MetaflowTaggingError, change)
# change tags through another object for the same run: `good` does not show this change
Run(good.pathspec).replace_tag("seven", "nine")
assert "seven" in good.user_tags and "nine" not in good.user_tags
assert "seven" not in good["start"].user_tags and "nine" in Run(good.pathspec).user_tags
good.remove_tag("three")
assert "seven" not in good.user_tags and "nine" in good.user_tags
again = pickle.loads(pickle.dumps(b))
assert again.pathspec == b.pathspec and again.data.letter == "B"
assert metadata("local@" + __import__("os").getcwd()).startswith("local@")
print("CLIENT OK", metaflow.__name__)
