"""Runs by status, time, tags and parameters; runs as a table."""

from __future__ import annotations

import json
import sys
from datetime import date, datetime, timedelta, timezone
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from metaflow import Flow
from metaflow.client.query import condition, moment
from metaflow.client.tag_expression import TagExpressionError, parse

if TYPE_CHECKING:
    from project import Project


def ns(**filters: Any) -> list[int]:
    """Return the parameter `n` of each matching run: 3 for the successful run, 4 for the failed run."""
    return [run._reader.record["parameters"]["n"] for run in Flow("Letters").runs(**filters)]


def test_by_status(letters: Project) -> None:
    assert ns(status="failed") == [4]
    assert ns(status=["failed", "succeeded"]) == [4, 3]
    assert ns(status="running") == []
    with pytest.raises(ValueError, match="there is no status 'done': it is one of running, succeeded, failed"):
        ns(status="done")


def test_by_tags(letters: Project) -> None:
    assert [run.user_tags for run in Flow("Letters").runs("bad", "user:ann")] == [{"bad"}]
    assert ns(tags="good or bad") == [4, 3]
    assert ns(tags="not bad and user:a*") == [3]
    assert list(Flow("Letters").runs("good", tags="bad")) == []


def test_by_parameters(letters: Project) -> None:
    assert ns(parameters={"n": 3}) == [3]
    assert ns(parameters={"n": lambda n: n > 3}) == [4]
    assert ns(parameters={"n": "3"}) == []
    assert ns(parameters={"other": 3}) == []
    assert ns(parameters={"n": lambda n: n > None}) == []


def test_by_time(letters: Project) -> None:
    failed, good = Flow("Letters")
    assert ns(since=failed.created_at) == [4]
    assert ns(until=failed.created_at) == [3]
    assert ns(since=good.created_at, until=failed.created_at) == [3]
    assert ns(since="8w") == [4, 3]
    assert ns(until=timedelta(weeks=8)) == []
    assert ns(since=good.created_at.astimezone(timezone(timedelta(hours=9)))) == [4, 3]
    assert ns(since=(good.created_at + timedelta(days=1)).date()) == []


def test_moments() -> None:
    assert moment("2026-11-20") == moment(date(2026, 11, 20)) == datetime(2026, 11, 20).timestamp()
    assert moment("2026-11-20 14:30") == datetime(2026, 11, 20, 14, 30).timestamp()
    assert moment("2026-11-20T14:30Z") == datetime(2026, 11, 20, 14, 30, tzinfo=timezone.utc).timestamp()
    before = datetime.now()
    found = moment("1d")
    times = ((at - timedelta(days=1)).timestamp() for at in (before, datetime.now()))
    hour = 3600  # the clock may change by an hour (daylight saving time) between the two times
    assert next(times) - hour - 1 <= found <= next(times) + hour + 1
    for wrong in ("yesterday", "7 days", "", 3):
        with pytest.raises(ValueError, match="not a time"):
            moment(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "tags", "expected"),
    [
        ("a", {"a"}, True),
        ("a and b", {"a"}, False),
        ("a and b", {"a", "b"}, True),
        ("a or b and c", {"a"}, True),
        ("(a or b) and c", {"a"}, False),
        ("not a", {"b"}, True),
        ("not not a", {"a"}, True),
        ("not a and b", {"b"}, True),
        ("not (a and b)", {"a"}, True),
        ("a AND NOT (b OR c)", {"a"}, True),
        ("a AND NOT (b OR c)", {"a", "c"}, False),
        ("And", {"And"}, True),
        ("'OR'", {"OR"}, True),
        ("'two words' and \"and\"", {"two words", "and"}, True),
        ("user:*", {"user:ann"}, True),
        ("*", set(), False),
        ("'*'", {"x"}, False),
        ("a*c", {"abc"}, True),
        ("a*c", {"abcd"}, False),
        ("order and nothing", {"order", "nothing"}, True),
        ("lr=0.1(b)", None, None),
        ("__import__", {"x"}, False),
        ("", None, None),
        ("a b", None, None),
        ("a and", None, None),
        ("(a", None, None),
        ("a)", None, None),
        ("not", None, None),
        ("a AND", None, None),
        ("'a", None, None),
        ("(" * 5000 + "a" + ")" * 5000, None, None),
    ],
)
def test_tag_expressions(text: str, tags: set[str] | None, expected: bool | None) -> None:
    if tags is None:
        with pytest.raises(TagExpressionError, match="of the tag expression"):
            parse(text)
    else:
        assert parse(text)(tags) is expected


def test_an_error_says_where() -> None:
    with pytest.raises(TagExpressionError) as error:
        parse("a and or b")
    assert str(error.value) == "expected a tag before 'or b' of the tag expression 'a and or b'"


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("n=5", 5, True),
        ("n==5", 5, True),
        ("n!=5", 5, False),
        ("n < 5", 4, True),
        ("n>=5", 5, True),
        ("n<=5", 5.5, False),
        ("n=5", "5", True),
        ("n=five", 5, False),
        ("flag=True", True, True),
        ("flag=true", False, False),
        ("n=1", True, False),
        ('j={"a": [1]}', {"a": [1]}, True),
        ("s=a=b", "a=b", True),
        ("x=None", None, True),
        ("n<5", None, False),
        ("n<five", 4, False),
    ],
)
def test_conditions(text: str, value: object, expected: bool) -> None:
    from metaflow.client.query import Query

    name, test = condition(text)
    assert Query(parameters={name: test})._fits({name: value}) is expected


def test_metrics(letters: Project) -> None:
    failed, good = Flow("Letters").metrics()
    columns = ["run", "status", "created_at", "finished_at", "seconds", "user", "tags", "n", "letters", "score"]
    assert list(good) == columns
    assert (good["score"], "score" in failed) == (0.75, False)  # the failed run did not reach `join`
    assert (good["status"], good["user"], good["tags"], good["n"], good["letters"]) == (
        *("succeeded", "ann", ["good"], 3, "ABC"),
    )
    assert 0 < good["seconds"] < 60
    assert (failed["status"], failed["n"], failed["seconds"]) == ("failed", 4, None)
    assert "letters" not in failed
    assert [row["n"] for row in Flow("Letters").metrics("good", status="succeeded")] == [3]
    for named in (["letters"], "letters"):
        assert [row["letters"] for row in Flow("Letters").metrics(artifacts=named)] == [None, "ABC"]
    assert [row["nothing"] for row in Flow("Letters").metrics("good", artifacts=["nothing", "n"])] == [None]


def test_metrics_of_numbers_of_all_kinds(letters: Project) -> None:
    pytest.importorskip("numpy")
    letters.write(
        "scores.py",
        """
        import numpy
        from metaflow import FlowSpec, Parameter, step

        class Scores(FlowSpec):
            user = Parameter("user", default="x")
            rate = Parameter("learning-rate", default=0.1)

            @step
            def start(self):
                self.score = numpy.float32(0.5)
                self.array = numpy.zeros(3)
                self.long = "x" * 1000
                self.status = "mine"
                self.rows = [1, 2]
                self.next(self.end)

            @step
            def end(self):
                self.none = None
        """,
    )
    assert letters.flowc("run", "--local", "scores.py").code == 0
    (row,) = Flow("Scores").metrics()
    assert (row["score"], type(row["score"])) == (0.5, float)
    assert (row["status"], row["artifact.status"]) == ("succeeded", "mine")
    assert (row["user"], row["parameter.user"]) == ("ann", "x")
    assert row["none"] is None
    assert row["learning-rate"] == 0.1
    for name, number in (("learning-rate", 1), ("learning_rate", 1), ("rate", 0)):
        assert len(list(Flow("Scores").runs(parameters={name: 0.1}))) == number
    assert not {"array", "long", "rows", "rate"} & set(row)
    (row,) = Flow("Scores").metrics(artifacts=["rows"])
    assert row["rows"] == [1, 2]
    assert "score" not in row


def test_recorded_metrics_with_the_names_of_other_columns(letters: Project) -> None:
    letters.write(
        "named.py",
        """
        from metaflow import FlowSpec, Parameter, current, step

        class Named(FlowSpec):
            rate = Parameter("rate", default=0.1)

            @step
            def start(self):
                self.same = self.other = 1
                for name, value in (("status", 1), ("rate", 2), ("same", 1), ("other", float("nan")), ("own", 3)):
                    current.metric(name, value)
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    assert letters.flowc("run", "--local", "named.py").code == 0
    (row,) = Flow("Named").metrics()
    assert {name: row[name] for name in ("metric.status", "rate", "metric.rate", "same", "other", "own")} == {
        "metric.status": 1, "rate": 0.1, "metric.rate": 2, "same": 1, "other": 1, "own": 3,
    }  # fmt: skip
    assert str(row["metric.other"]) == "nan"
    assert "metric.same" not in row


def test_metrics_as_a_frame(letters: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="frame=True needs pandas: pip install pandas"):
        Flow("Letters").metrics(frame=True)
    pandas = ModuleType("pandas")
    pandas.DataFrame = list  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pandas", pandas)
    assert [row["n"] for row in Flow("Letters").metrics(frame=True)] == [4, 3]


def test_on_the_command_line(letters: Project) -> None:
    def found(*options: str) -> list[int]:
        done = letters.flowc("runs", "--json", *options)
        assert done.code == 0, done.err
        return [row["parameters"]["n"] for row in json.loads(done.out)]

    assert found() == [4, 3]
    assert found("--status", "failed") == [4]
    assert found("Letters", "--status", "failed", "--status", "succeeded", "--limit", "1") == [4]
    assert found("--tag-expression", "good and not bad") == [3]
    assert found("--tag", "bad", "--parameter", "n>3", "--parameter", "n<5") == [4]
    assert found("--parameter", "n=5") == []
    assert found("--since", "1h") == [4, 3]
    assert found("--until", "1h") == []
    for option, message in (
        (("--status", "done"), "there is no status 'done'\nhint: statuses: running, succeeded, failed, "),
        (("--status", "faild"), "there is no status 'faild'\nhint: did you mean 'failed'?\n"),
        (("--status", "unreadble"), "there is no status 'unreadble'\nhint: did you mean 'unreadable'?\n"),
        (("--tag-expression", "a b"), "expected 'and', 'or' or the end before 'b'"),
        (("--since", "soon"), "not a time: 'soon'"),
        (("--parameter", "n"), "not a condition on a parameter: 'n'"),
    ):
        done = letters.flowc("runs", *option)
        assert done.code == 2
        assert f"error: {message}" in done.err
    assert "no matching runs in" in letters.flowc("runs", "--status", "killed").err
