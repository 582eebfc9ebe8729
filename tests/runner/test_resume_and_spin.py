"""`Runner.resume` and `Runner.spin`, which call the commands `resume` and `spin` of the flow's file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from project import Project

FLOW = """
    import os
    from metaflow import Config, FlowSpec, Parameter, current, step

    class Sums(FlowSpec):
        sizes = Config("sizes", required=True)
        rate = Parameter("rate", default=sizes.rate)

        @step
        def start(self):
            self.items = [1, 2]
            self.next(self.each, foreach="items")

        @step
        def each(self):
            self.value = self.input * self.rate
            print("each", self.input)
            self.next(self.join)

        @step
        def join(self, inputs):
            assert "FAIL" not in os.environ, "as it was told to"
            self.sum = sum(given.value for given in inputs)
            self.next(self.end)

        @step
        def end(self):
            print("resumes", current.origin_run_id)

    if __name__ == "__main__":
        Sums()
"""
GIVEN = 'dict(config_value=[("sizes", {"rate": 10})])'


def program(project: Project, text: str) -> list[str]:
    """Run a program in the directory of the flow; return the lines that it prints."""
    project.write("sums.py", FLOW)
    project.write("program.py", text)
    done = project.python("program.py")
    assert done.code == 0, done.err
    return done.out.splitlines()


def test_resume(project: Project) -> None:
    """`resume` accepts a parameter that depends on a config, because the new run has the earlier run's configs."""
    assert program(
        project,
        f"""
        import asyncio
        from metaflow import Runner

        failed = Runner("sums.py", show_output=False, env={{"FAIL": "1"}}, **{GIVEN}).run().run
        runner = Runner("sums.py", show_output=False)
        resumed = runner.resume()
        print(resumed.status, resumed.run.data.sum, resumed.stdout.split()[-1] == failed.id)
        named = runner.resume(step_to_rerun="each", origin_run_id=failed.id, rate=1, tags=["again"], max_workers=1)
        print(named.status, named.run.data.sum, named.run.user_tags, named.stdout.count("] each"))

        async def main():
            running = await runner.async_resume(step_to_rerun="end", origin_run_id=named.run.pathspec)
            print((await running.wait()).status, running.run.data.sum)
            print(running.run["start"].task.origin_pathspec == named.run["start"].task.pathspec)

        asyncio.run(main())
        for wrong in dict(step_to_rerun="nothing"), dict(rates=1), dict(rate="x"):
            try:
                runner.resume(**wrong)
            except (RuntimeError, TypeError, ValueError) as error:
                print(type(error).__name__, "has no step 'nothing'" in str(error))
        """,
    ) == [
        "successful 30 True",
        "successful 3 frozenset({'again'}) 2",
        "successful 3",
        "True",
        "RuntimeError True",
        "ValueError False",
        "TypeError False",
    ]


def test_spin(project: Project) -> None:
    """The task of `spin` can be read until the Runner cleans up, and, with `persist`, afterwards."""
    project.write("other.py", "ARTIFACTS = {'sum': 7}")
    assert program(
        project,
        f"""
        import asyncio, os
        from metaflow import Runner

        given = {GIVEN}
        with Runner("sums.py", show_output=False, **given) as runner:
            run = runner.run().run
            first = runner.spin(f"{{run.id}}/each/0.0", rate=3)
            place = first.task._url
            print(type(first).__name__, first.status, first.stdout.split()[-1], first.task.id, first.task.data.value)
            print(runner.spin("end", persist=True, artifacts_module="other.py").task.data.sum)
            try:
                runner.spin("nothing")
            except RuntimeError as error:
                print("has no step 'nothing'" in str(error))

            async def main():
                running = await runner.async_spin("each")
                print(running.task.path_components[2:])
                print((await running.wait()).status, running.task.data.value)
                try:
                    await Runner("sums.py", show_output=False, env={{"FAIL": "1"}}, **given).async_spin("join")
                except RuntimeError as error:
                    print("as it was told to" in str(error))

            asyncio.run(main())
        print(os.path.exists(place), os.path.exists(".flowc_spin"))
        for more in {{}}, {{"persist": True}}:
            try:
                Runner("sums.py", show_output=False, env={{"FAIL": "1"}}, **given).spin("join", **more)
            except RuntimeError as error:
                print(str(error).startswith("Error executing: '"), "as it was told to" in str(error))
        """,
    ) == [
        "ExecutingTask successful 1 each-0.0 3",
        "7",
        "True",
        "['each', 'each-0.1']",
        "successful 20",
        "True",
        "False True",
        "True True",
        "True True",
    ]
