"""Cron expressions as Argo Workflows reads them: the rules of Go's robfig/cron v3 (`ParseStandard`), with nothing else.

No Python library has these rules, and the differences matter: a schedule that another parser accepts may be refused by
Argo's controller, where only its log says so, or fire on other days. Even the odd corners are kept (`*-5` is `*`; an
empty list matches nothing; on the days when clocks change a run is skipped or doubled), because a preview that is wrong
on those days is worse than none. `tests/cron/test_cron.py` compares with the Go library itself.

    check("0 6 * * 7").hint      'write 0 (or SUN) for Sunday'
    parse("0 6 * * MON-FRI").next(datetime.now(ZoneInfo("Europe/Paris")))
    warnings("30 2 * * *", "America/New_York")[0].kind      'skipped'
"""

from flowc.cron.advice import Advice, AdviceKind, check_timezone, warnings
from flowc.cron.parser import CronError, Refusal, check, parse
from flowc.cron.schedule import CronFields, CronSchedule, Every

__all__ = [
    "Advice",
    "AdviceKind",
    "CronError",
    "CronFields",
    "CronSchedule",
    "Every",
    "Refusal",
    "check",
    "check_timezone",
    "parse",
    "warnings",
]
