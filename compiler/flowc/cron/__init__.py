"""Cron expressions as Argo Workflows reads them: exactly the rules of Go's robfig/cron v3 (`ParseStandard`).

No Python library has these rules, and the differences matter: Argo's controller may refuse a schedule that another
parser accepts, and reports that only in its log, or fire it on other days. Corner cases are kept too (`*-5` is `*`; an
empty list matches nothing; clock changes skip or double a run), because a preview that is wrong on those days is worse
than none. `tests/cron/test_cron.py` compares with the Go library itself.

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
