"""Run, resume and spin a flow with `Runner`; the output is the same under flowc and Metaflow."""

import asyncio
import inspect
import os
import shutil
import tempfile

from metaflow import Flow, Run, Runner, Task


def raises(kind, function):
    try:
        function()
    except kind as error:
        return str(error)
    raise AssertionError(f"{kind.__name__} was not raised")


def quiet(**options):
    return Runner("train.py", show_output=False, **options)


# -- runs that are awaited

with quiet().run(alpha=2.5, n_items=4, data={"a": [None]}, loud=True, tags=["one", "two words"], max_workers=2) as done:
    assert (done.status, done.returncode) == ("successful", 0)
    assert isinstance(done.run, Run) and done.run.pathspec == Flow("Train").latest_run.pathspec
    assert done.run.successful and done.run.data.given == [2.5, 4, {"a": [None]}, True]
    assert done.run.user_tags == {"one", "two words"}
    assert "alpha is 2.5" in done.stdout and isinstance(done.stderr, str)
    assert isinstance(done.runner, Runner)
    logs = done.command_obj.log_files
    assert sorted(logs) == ["stderr", "stdout"] and all(map(os.path.exists, logs.values()))
    logs = list(logs.values())
assert not any(map(os.path.exists, logs))

failed = quiet(env={"FAIL": "1"}).run()
assert (failed.status, failed.returncode) == ("failed", 1)
assert not failed.run.successful and not failed.run.finished
assert quiet(env={"COLOR": "red"}).run().run["start"].task.data.color == "red"
assert quiet(decospecs=["retry:times=1"], pylint=False).run(alpha=None).run.data.given == [1.5, 3, None, False]

# -- refusals

said = raises(ValueError, lambda: quiet().run(beta=1))
assert said.startswith("Unknown argument: 'beta', possible args are: ")
assert all(
    name in said for name in ("alpha", "n_items", "data", "loud", "seconds", "tags", "max_workers", "run_id_file")
)
said = raises(ValueError, lambda: quiet(colour="red").run())
assert said.startswith("Unknown argument: 'colour', possible args are: ")
assert all(name in said for name in ("quiet", "decospecs", "datastore", "environment", "pylint"))
for wrong in {"alpha": "x"}, {"loud": "True"}, {"n_items": 1.5}, {"tags": "x"}, {"max_workers": "3"}:
    (name,) = wrong
    said = raises(TypeError, lambda wrong=wrong: quiet().run(**wrong))
    assert said.startswith(f"Invalid type for '{name}' (<class 'str'>)") or name == "n_items", said
    assert f"but found '{wrong[name]}'" in said and "expected: " in said and "default is " in said
said = raises(TypeError, lambda: quiet().run(loud="yes"))
assert "default is 'False'" in said
raises(TypeError, lambda: quiet(decospecs="retry").run())
raises(FileNotFoundError, lambda: Runner("nowhere.py"))
raises(RuntimeError, lambda: quiet(datastore="nowhere").run())

# -- several at once


async def at_once():
    async with quiet() as runner:
        runs = await asyncio.gather(*(runner.async_run(alpha=float(number)) for number in range(3)))
        assert len({one.run.id for one in runs}) == 3
        lines = [line async for _, line in runs[1].stream_log("stdout")]
        assert [line for line in lines if line.endswith("alpha is 1.0")]
        for one in runs:
            assert await one.wait() is one
        assert [(one.status, one.returncode) for one in runs] == [("successful", 0)] * 3
        assert [one.run.data.sum for one in runs] == [0, 3, 6]
        seen = [found async for found in runs[0].stream_log("stdout")]
        assert [found async for found in runs[0].stream_log("stdout", position=seen[0][0])] == seen[1:]
        await runs[2].wait(stream="stdout")  # `wait` also prints the output of a run that has already ended
        try:
            async for _ in runs[0].stream_log("stdin"):
                pass
        except ValueError as error:
            assert str(error) == "No log file found for 'stdin', valid values are: stdout, stderr"
        else:
            raise AssertionError


async def ended():
    with quiet() as runner:
        slow = await runner.async_run(seconds=600)
        assert (slow.status, slow.returncode, slow.run.finished) == ("running", None, False)
        assert await slow.wait(timeout=1) is slow
        assert slow.status == "timeout" and not slow.run.successful
        other = await runner.async_run(seconds=600)
        killed = other.command_obj.kill()
        if inspect.isawaitable(killed):
            await killed
        while other.status == "running":
            await asyncio.sleep(0.1)
        assert other.status == "failed" and other.returncode != 0 and not other.run.successful


asyncio.run(at_once())
asyncio.run(ended())

# -- resume and spin

resumed = quiet().resume(origin_run_id=failed.run.id, tags=["again"])
assert resumed.status == "successful" and resumed.run.data.sum == 4.5 and resumed.run.user_tags == {"again"}
assert resumed.run["start"].task.metadata_dict["origin-run-id"] == failed.run.id
assert quiet().resume(step_to_rerun="end", origin_run_id=resumed.run.id).status == "successful"
raises(ValueError, lambda: quiet().resume(steps="end"))
raises(RuntimeError, lambda: quiet().resume(origin_run_id="nothing"))

(two,) = (task for task in resumed.run["each"] if task.index == 1)
with quiet() as runner:
    spun = runner.spin(two.pathspec, persist=True)
    assert (spun.status, spun.returncode, isinstance(spun.task, Task)) == ("successful", 0, True)
    assert spun.task.data.value == 3
    raises(ValueError, lambda: runner.spin(two.pathspec, beta=1))
    said = raises(RuntimeError, lambda: quiet(env={"FAIL_EACH": "1"}).spin(two.pathspec))
    assert said.startswith("Error executing: '")


async def spun_without_waiting():
    spun = await quiet().async_spin(two.pathspec, persist=True)
    await spun.wait()
    assert spun.status == "successful" and spun.task.data.value == 3
    try:
        await quiet(env={"FAIL_EACH": "1"}).async_spin(two.pathspec)
    except RuntimeError as error:
        assert str(error).startswith("Error executing: '")
    else:
        raise AssertionError


asyncio.run(spun_without_waiting())

# -- the directory of a Runner

elsewhere, here = tempfile.mkdtemp(), os.getcwd()
shutil.copy("train.py", elsewhere)
os.chdir(tempfile.mkdtemp())
with Runner(os.path.join(elsewhere, "train.py"), cwd=elsewhere, show_output=False).run(alpha=9.0) as done:
    assert Run(done.run.pathspec).data.given[0] == Flow("Train").latest_run.data.given[0] == 9.0
    assert done.run["end"].task.parent.parent.successful
assert Run(done.run.pathspec).successful
os.chdir(here)
with quiet().run() as done:
    assert Flow("Train").latest_run.pathspec == done.run.pathspec and len(list(Flow("Train"))) > 1

print("RUNNER OK")
