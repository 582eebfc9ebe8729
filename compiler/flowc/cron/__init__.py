"""Cron expressions as Argo Workflows reads them: exactly the rules of Go's robfig/cron v3 (`ParseStandard`).

No Python library has the same rules as robfig/cron, and the differences matter. Argo's controller may refuse a schedule
that another parser accepts; it reports the refusal only in its log. Argo's controller may also start runs on other days
than another parser predicts. This package also reproduces the corner cases of robfig/cron: `*-5` means `*`, an empty
list matches nothing, and a clock change can skip or repeat a run. `tests/cron/test_cron.py` compares this package's
results with the results of robfig/cron.

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
