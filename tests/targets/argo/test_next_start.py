"""The next start of a deployed flow: `flowc status` computes this time, because Argo's status has only the time of the
last start."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

from flowc.targets.argo.cluster.next_start import next_start
from flowc.targets.argo.cluster.targets import Deployed
from flowc.targets.argo.commands import status

if TYPE_CHECKING:
    from flowc.targets.argo.object_types import Object

NOW = datetime(2026, 11, 29, 23, 28, 26, tzinfo=timezone.utc)  # this day is a Sunday
# The first of the two times at which clocks in New York show 01:40 on this day.
DST_ENDS = datetime(2026, 11, 1, 5, 40, tzinfo=timezone.utc)


def cron(
    *schedules: str, zone: str | None = "Europe/Oslo", phase: str = "Active", suspend: bool | None = None
) -> Object:
    return {
        "metadata": {"name": "nightly", "creationTimestamp": "2026-11-29T20:00:00Z", "labels": {"flowc.dev/flow": "n"}},
        "spec": {"schedules": [*schedules], "timezone": zone, "suspend": suspend},
        "status": {"phase": phase, "lastScheduledTime": "2026-11-27T03:30:00Z"},
    }


@pytest.mark.parametrize(
    ("schedules", "zone", "now", "expected"),
    [
        (["30 4 * * 1-5"], "Europe/Oslo", NOW, "2026-11-30T04:30:00+01:00"),
        (["30 4 * * 1-5"], "UTC", NOW, "2026-11-30T04:30:00+00:00"),
        (["0 9 * * *", "0 2 * * *", "0 0 30 2 *"], "Asia/Tokyo", NOW, "2026-11-30T09:00:00+09:00"),
        (["@daily"], "Europe/Oslo", NOW, "2026-12-01T00:00:00+01:00"),
        # clocks are set back after 01:59: the first 01:50 comes before the second 01:30
        (["50 1 1 11 *", "30 1 1 11 *"], "America/New_York", DST_ENDS, "2026-11-01T01:50:00-04:00"),
        (["30 1 1 11 *"], "America/New_York", DST_ENDS, "2026-11-01T01:30:00-05:00"),
    ],
)
def test_the_next_start(schedules: list[str], zone: str, now: datetime, expected: str) -> None:
    found = next_start(cron(*schedules, zone=zone), now)
    assert found is not None
    assert found.isoformat() == expected


@pytest.mark.parametrize(
    "item",
    [
        cron("30 4 * * 1-5", suspend=True),
        cron("30 4 * * 1-5", phase="Stopped"),
        cron("30 4 * * 1-5", zone=None),
        cron("30 4 * * 1-5", zone="Europe/Olso"),
        cron("30 4 * * 1-5", zone="../Oslo"),
        cron("30 4 * * 1-5", "30 25 * * *"),
        cron("30 4 * * 1-5", "@every 90m"),
        cron("0 0 30 2 *"),
        cron(),
        {"metadata": {"name": "bare"}},
    ],
)
def test_none_is_known(item: Object) -> None:
    assert next_start(item, NOW) is None


class Cluster:
    """A simulated cluster with one scheduled flow and no runs."""

    namespace = "flows"

    def search(self, kind: object, selector: str) -> list[Object]:
        return []


def test_the_status_of_a_flow_has_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    class Now(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return NOW

    monkeypatch.setattr(status, "datetime", Now)
    cluster: Any = Cluster()
    status._deployed(cluster, Deployed("nightly", None, cron("30 4 * * 1-5")), as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == "schedule:      30 4 * * 1-5 Europe/Oslo"
    assert lines[4] == "next start:    2026-11-30 04:30:00 Europe/Oslo"
    status._deployed(cluster, Deployed("nightly", None, cron("30 4 * * 1-5")), as_json=True)
    row = json.loads(capsys.readouterr().out)
    assert row["next_scheduled"] == "2026-11-30T04:30:00+01:00"
    assert row["timezone"] == "Europe/Oslo"
    status._deployed(cluster, Deployed("nightly", None, cron("30 4 * * 1-5", suspend=True)), as_json=False)
    assert "next start" not in capsys.readouterr().out
