"""Flows whose local and cluster runs are compared, in addition to the flows in tests/golden."""

from __future__ import annotations

# (name, source, final state of the run) of flows with features that the golden flows lack.
FLOWS: dict[str, tuple[str, str]] = {}


def case(state: str, source: str) -> str:
    name = source.split("class ")[1].split("(")[0]
    FLOWS[name] = (state, "from metaflow import *\nimport os, signal, sys\n\n\n" + source)
    return name


case(
    "succeeded",
    """class Attempts(FlowSpec):
    @step
    def start(self):
        self.items = list("abc")
        self.next(self.flaky, foreach="items")

    @retry(times=2, minutes_between_retries=0)
    @step
    def flaky(self):
        if self.index == 1 and current.retry_count < 2:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.index == 2 and current.retry_count < 1:
            raise KeyError("once")
        self.got = self.input
        self.next(self.join)

    @step
    def join(self, inputs):
        self.got = [inp.got for inp in inputs]
        self.next(self.end)

    @step
    def end(self):
        pass
""",
)
case(
    "succeeded",
    """class Catches(FlowSpec):
    @step
    def start(self):
        self.next(self.raises, self.dies, self.slow, self.leaves)

    @catch(var="why")
    @retry(times=1, minutes_between_retries=0)
    @step
    def raises(self):
        self.before = "kept"
        raise ValueError("boom")
        self.next(self.join)

    @catch(var="why")
    @step
    def dies(self):
        os.kill(os.getpid(), signal.SIGKILL)
        self.next(self.join)

    @catch(var="why")
    @timeout(seconds=1)
    @step
    def slow(self):
        signal.pause()
        self.next(self.join)

    @catch
    @step
    def leaves(self):
        sys.exit(3)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.why = [str(inputs[at].why.type) for at in range(3)]
        self.next(self.end)

    @step
    def end(self):
        pass
""",
)
case(
    "failed",
    """class Fails(FlowSpec):
    @step
    def start(self):
        self.next(self.work)

    @retry(times=1, minutes_between_retries=0)
    @step
    def work(self):
        raise ValueError("boom")
        self.next(self.end)

    @step
    def end(self):
        pass
""",
)
case(
    "succeeded",
    '''class Awkward(FlowSpec):
    """Strings that a shell, YAML, Argo or Kubernetes would like to change."""

    text = Parameter("text", default="quotes ' \\" \\n $HOME $(touch x) `id` {{workflow.name}} {{=1+1}} \\x1b 🎉 json:1 ")
    long = Parameter("long", default="ü" * 30_000)
    data = Parameter("data", type=JSONType, default={"a": {"b": ["{{x}}", None, 1.5, "\\t"]}})
    flag = Parameter("flag", default=True)
    none = Parameter("none", type=int)
    computed = Parameter("computed", default=lambda context: context.flow_name, type=str)

    @step
    def start(self):
        self.seen = self.text, len(self.long), self.data, self.flag, self.none, self.computed
        self.next(self.end)

    @step
    def end(self):
        assert self.seen == (self.text, len(self.long), self.data, self.flag, self.none, "Awkward")
''',
)
case(
    "succeeded",
    """class Shapes(FlowSpec):
    none = Parameter("none", default=0)
    one = Parameter("one", default=1)

    @step
    def start(self):
        self.next(self.empty, self.single, self.seven)

    @step
    def empty(self):
        self.items = list(range(self.none))
        self.next(self.nothing, foreach="items")

    @step
    def nothing(self):
        self.next(self.empty_join)

    @step
    def empty_join(self, inputs):
        self.count = len(inputs)
        self.next(self.join)

    @step
    def single(self):
        self.items = list(range(self.one))
        self.next(self.only, foreach="items")

    @step
    def only(self):
        self.got = self.input
        self.next(self.single_join)

    @step
    def single_join(self, inputs):
        self.count = len(inputs)
        self.next(self.join)

    @step
    def seven(self):
        self.items = [{"n": n, "name": f"item {n}"} for n in range(7)]
        self.next(self.first, foreach="items")

    @step
    def first(self):
        self.n = self.input["n"]
        self.inner = list(range(self.n % 3))
        self.next(self.deep, foreach="inner")

    @step
    def deep(self):
        self.pair = (self.n, self.input)
        self.next(self.deep_join)

    @step
    def deep_join(self, inputs):
        self.pairs = [inp.pair for inp in inputs]
        self.next(self.last)

    @step
    def last(self):
        self.size = len(self.pairs)
        self.next(self.seven_join)

    @step
    def seven_join(self, inputs):
        self.count = [inp.size for inp in inputs]
        self.next(self.join)

    @step
    def join(self, inputs):
        self.counts = [inp.count for inp in inputs]
        self.next(self.end)

    @step
    def end(self):
        assert self.counts == [0, 1, [0, 1, 2, 0, 1, 2, 0]], self.counts
""",
)
case(
    "succeeded",
    """class Routes(FlowSpec):
    @step
    def start(self):
        self.numbers = list(range(5))
        self.next(self.look, foreach="numbers")

    @step
    def look(self):
        self.kind = ["zero", "odd", "even"][bool(self.input) + (self.input > 0 and self.input % 2 == 0)]
        self.next({"zero": self.done, "odd": self.odd, "even": self.even}, condition="kind")

    @step
    def odd(self):
        self.seen = ["odd"]
        self.next(self.more)

    @step
    def more(self):
        self.seen.append("more")
        self.large = str(self.input > 2)
        self.next({"True": self.big, "False": self.done}, condition="large")

    @step
    def big(self):
        self.seen.append("big")
        self.next(self.done)

    @step
    def even(self):
        self.items = list(range(self.input))
        self.next(self.one, foreach="items")

    @step
    def one(self):
        self.next(self.even_join)

    @step
    def even_join(self, inputs):
        self.kind, self.seen = "even", ["even", len(inputs)]
        self.next(self.done)

    @step
    def done(self):
        self.result = (self.kind, getattr(self, "seen", None))
        self.next(self.join)

    @step
    def join(self, inputs):
        self.results = [each.result for each in inputs]
        self.next(self.end)

    @step
    def end(self):
        odd, even = ["odd", "more"], ["even", 2]
        assert self.results == [
            ("zero", None), ("odd", odd), ("even", even), ("odd", [*odd, "big"]), ("even", ["even", 4])
        ], self.results
""",
)
case(
    "succeeded",
    """class Rounds(FlowSpec):
    @step
    def start(self):
        self.total = self.caught = 0
        self.next(self.up)

    @step
    def up(self):
        self.total += 1
        self.more = self.total < 23
        self.next({True: self.up, False: self.risky}, condition="more")

    @catch(var="why")
    @retry(times=1, minutes_between_retries=0)
    @step
    def risky(self):
        self.total += 1
        if self.total % 2:
            os.kill(os.getpid(), signal.SIGKILL)
        self.next(self.look)

    @step
    def look(self):
        self.caught += self.why is not None
        self.total += self.why is not None
        self.way = "out" if self.total > 26 else "enough" if self.caught > 9 else "fine"
        self.next({"out": self.leave, "fine": self.spread, "enough": self.end}, condition="way")

    @step
    def spread(self):
        self.items = [1] * (1 + self.caught)
        self.next(self.item, foreach="items")

    @step
    def item(self):
        self.got = self.input
        self.next(self.gather)

    @step
    def gather(self, inputs):
        self.merge_artifacts(inputs, include=["total", "caught"])
        self.gathered = sum(each.got for each in inputs)
        self.next(self.risky)

    @step
    def leave(self):
        self.left = self.total
        self.next(self.end)

    @step
    def end(self):
        assert (self.left, self.gathered) == (27, 2), (self.left, self.gathered)
""",
)
case(
    "failed",
    """class Astray(FlowSpec):
    @step
    def start(self):
        self.way = "nowhere"
        self.next({"a": self.a, "b": self.b}, condition="way")

    @step
    def a(self):
        self.next(self.end)

    @step
    def b(self):
        self.next(self.end)

    @step
    def end(self):
        pass
""",
)
case(
    "succeeded",
    """from metaflow.exception import UnhandledInMergeArtifactsException


class Ids(FlowSpec):
    @step
    def start(self):
        self.tid = current.task_id
        self.next(self.left, self.right)

    @step
    def left(self):
        self.tid, self.items = current.task_id, [1, 2]
        self.next(self.outer, foreach="items")

    @step
    def outer(self):
        self.tid, self.more = current.task_id, [1, 2]
        self.next(self.inner, foreach="more")

    @step
    def inner(self):
        self.tid = current.task_id
        self.next(self.inner_join)

    @step
    def inner_join(self, inputs):
        self.tid = current.task_id
        self.next(self.outer_join)

    @step
    def outer_join(self, inputs):
        self.tid = current.task_id
        self.next(self.join)

    @step
    def right(self):
        self.tid, self.turns = current.task_id, 0
        self.next(self.turn)

    @step
    def turn(self):
        self.tid, self.turns = current.task_id, self.turns + 1
        self.again = self.turns < 3
        self.next({True: self.turn, False: self.spread}, condition="again")

    @step
    def spread(self):
        self.tid = current.task_id
        self.next(self.member, num_parallel=2)

    @parallel
    @step
    def member(self):
        self.tid, self.control = current.task_id, current.parallel.control_task_id
        self.next(self.members)

    @step
    def members(self, inputs):
        self.tid, self.controls = current.task_id, [each.control for each in inputs]
        self.next(self.join)

    @step
    def join(self, inputs):
        self.controls = inputs.members.controls
        try:
            self.merge_artifacts(inputs, include=["tid"])
        except UnhandledInMergeArtifactsException:
            self.conflict = [each.tid for each in inputs]
        self.tid = current.task_id
        self.next(self.end)

    @step
    def end(self):
        before = [task for step in current.run for task in step if step.id != "end"]
        self.seen = sorted(task.id for task in before)
        assert self.seen == sorted(task.data.tid for task in before), self.seen
        assert len(set(self.seen)) == len(self.seen) == 20, self.seen
        assert self.conflict == ["outer_join-0", "members-0"], self.conflict
        assert self.controls == ["member-0.0", "member-0.0"], self.controls
        assert {"inner-0.1.0", "turn-0~2", "inner_join-0.1"} <= set(self.seen), self.seen
""",
)
