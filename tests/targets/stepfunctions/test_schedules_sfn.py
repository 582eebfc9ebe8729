"""The conversion of cron expressions to those of EventBridge Scheduler."""

from __future__ import annotations

import pytest

from flowc.targets.stepfunctions.schedules import ScheduleProblem, schedule_expression


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("0 6 * * *", "cron(0 6 * * ? *)"),
        ("30 18 * * 1-5", "cron(30 18 ? * MON,TUE,WED,THU,FRI *)"),
        ("0 0 * * 0", "cron(0 0 ? * SUN *)"),
        ("*/15 8-10,12 1 */3 *", "cron(0,15,30,45 8-10,12 1 1,4,7,10 ? *)"),
        ("* * * * *", "cron(* * * * ? *)"),
        ("@daily", "cron(0 0 * * ? *)"),
        ("@every 90m", "rate(90 minutes)"),
        ("@every 1m", "rate(1 minute)"),
    ],
)
def test_expressions(cron: str, expected: str) -> None:
    assert schedule_expression(cron) == expected


@pytest.mark.parametrize(
    ("cron", "message"),
    [
        ("0 6 1 * MON", "days of either kind"),
        ("@every 90s", "whole minutes"),
        ("0 6 * *", "fields"),
    ],
)
def test_what_cannot_be_expressed(cron: str, message: str) -> None:
    with pytest.raises(ScheduleProblem) as problem:
        schedule_expression(cron)
    assert message in problem.value.message
    assert problem.value.hint
