"""Records metrics of the running task: for `current.metric`, `flowc.steps.log_metric` and returns of kind `metric`.

The task's own process keeps the points in memory. Other processes of the task, such as a forked worker or the kernel of
a notebook, append lines to a file, which the task's process reads when it ends.
"""

from __future__ import annotations

import math
import operator
import os
import time
from typing import TYPE_CHECKING, Final, SupportsFloat, cast

from flowc_ir import json_text
from flowc_ir.late import LateModule
from flowc_runtime.base.ambient import TaskMetrics, ambient
from flowc_runtime.base.contract import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flowc_ir import Return
    from flowc_ir.json_text import Json
    from flowc_runtime.run.nodes.programs import masking
else:  # imported at first use: only tasks with secrets, or with other processes that record metrics, need this module
    masking = LateModule("flowc_runtime.run.nodes.programs.masking")

LONGEST_NAME: Final = 250  # Characters; trackers such as MLflow accept no more.
_LARGEST: Final = 2**63  # Larger ints are stored as floats, since some readers of JSON do not support them.


class MetricError(ValueError):
    """A metric's value, name or step is invalid. The message names the metric."""


def record(name: str, value: object, step: object = None) -> None:
    """Record one value of a metric of the running task. Outside of a task, only check the arguments.

    Args:
        name: the name of the metric.
        value: a number of Python, NumPy or another library; NaN and the infinities are numbers too.
        step: a whole number, such as the epoch. With None, the step is the step of the previous point plus 1, or 0 for
            the first point.

    Raises:
        MetricError: an argument is wrong or contains the value of a secret of the step, or `step` is None and the
            previous point has the largest allowed step.
        OSError: the caller is a child process of the task, and cannot write the file for metrics.
    """
    _refuse_secrets(name, value, step)
    name, number, at = check_name(name), number_of(name, value), step_of(name, step)
    metrics, now = ambient().metrics, time.time()
    if metrics is not None and metrics.process == os.getpid():
        add(metrics, name, number, at, now)
    elif file := metrics.file if metrics is not None else os.environ.get(METRICS):
        _append(file, {"name": name, "value": number, "step": at, "time": now})


def record_returns(returns: Sequence[Return], values: Mapping[str, object]) -> None:
    """Record as metrics the values that a step returns and declares with the kind `metric`.

    Args:
        returns: the returns of the step.
        values: the values by name; a missing value is not recorded.

    Raises:
        MetricError: a value is not a number.
    """
    for each in returns:
        if each.kind == "metric" and each.name in values:
            record(each.name, values[each.name])


def add(metrics: TaskMetrics, name: str, number: float, step: int | None, when: float) -> None:
    """Add a point to the metric `name` in `metrics`. The caller has checked the values.

    Raises:
        MetricError: `step` is None, and the previous point has the largest allowed step.
    """
    points = metrics.points.get(name, [])
    if step is None:
        step = points[-1][0] + 1 if points else 0
        if step == _LARGEST:
            raise MetricError(
                f"the metric '{name}' has no step after {step - 1}, the largest one: give the step of this value"
            )
    metrics.points[name] = points
    points.append((step, number, when))


def _refuse_secrets(name: object, value: object, step: object, when: object = None) -> None:
    """Check that a point does not contain the value of one of the step's secrets. Raises MetricError."""
    secrets = {each: secret for each, secret in ambient().secrets.items() if secret}
    if not secrets:
        return
    numbers = {"value": _plain(value), "step": _plain(step), "time": when}
    if problem := masking.problem_of_metric(secrets, name, numbers):
        raise MetricError(problem)


# -- checks ------------------------------------------------------------------------------------------------------------


def check_name(name: object) -> str:
    """Check the name of a metric, and return it. Raises MetricError."""
    if not isinstance(name, str):
        raise MetricError(f"the name of a metric is a string, not {name!r:.60} ({type(name).__name__})")
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise MetricError(f"the name of a metric is a line of 1 to {LONGEST_NAME} characters, not {name!r:.60}")
    return str(name)


def number_of(name: str, value: object) -> float:
    """Convert the value of a metric to a Python int or float. Raises MetricError."""
    plain = _plain(value)
    if isinstance(plain, bool) or not isinstance(plain, (int, float)):
        kind = type(value).__qualname__
        hint = f"record int({name}) instead" if isinstance(plain, bool) else "record a number"
        raise MetricError(f"the metric '{name}' is {_short(value)} ({kind}), and a metric is a number: {hint}")
    if isinstance(plain, int) and -_LARGEST <= plain < _LARGEST:
        return int(plain)
    try:
        return float(plain)
    except OverflowError:
        raise MetricError(f"the metric '{name}' is too large for a number with 64 bits") from None


def step_of(name: str, step: object) -> int | None:
    """Convert the step of a point to an int; None stays None. Raises MetricError."""
    if step is None:
        return None
    if not isinstance(step, bool):
        try:
            number: int | None = operator.index(cast("int", step))  # `index` also accepts NumPy's integers
        except TypeError:
            number = int(step) if isinstance(step, float) and step.is_integer() else None
        if number is not None:
            if -_LARGEST <= number < _LARGEST:
                return number
            limits = "steps are from -2**63 to 2**63 - 1"
            raise MetricError(f"the step of the metric '{name}' is {_short(step)}, and {limits}")
    raise MetricError(f"the step of the metric '{name}' is {_short(step)}, not a whole number")


def _plain(value: object) -> object:
    """Convert a scalar of a library, such as NumPy or PyTorch, to a Python number; return any other value unchanged."""
    if isinstance(value, (bool, int, float)):
        return value
    for name in ("item", "tolist"):  # methods of NumPy's numbers and of arrays without dimensions
        method = getattr(value, name, None)
        if callable(method) and getattr(value, "shape", ()) in ((), None) and not isinstance(value, type):
            plain = method()
            return plain if isinstance(plain, (bool, int, float)) else value
    if isinstance(value, SupportsFloat) and not isinstance(value, type) and not hasattr(value, "shape"):
        return float(value)  # for example a Decimal or a Fraction
    return value


def _short(value: object) -> str:
    try:
        text = repr(value)
    except Exception as error:  # a user class's `__repr__` failed
        text = f"an object whose repr fails with {type(error).__name__}"
    return text if len(text) <= 60 else f"{text[:59]}…"


# -- other processes of the task ---------------------------------------------------------------------------------------


def _append(file: str, point: dict[str, object]) -> None:
    """Append a line to the file with a single write, so that lines of several processes are not interleaved."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
    descriptor = os.open(file, flags, 0o600)
    try:
        os.write(descriptor, f"{json_text.dumps(point)}\n".encode())
    finally:
        os.close(descriptor)


def collect(metrics: TaskMetrics) -> list[str]:
    """Move the points that other processes of the task have written to the file `metrics.file` into `metrics`, and
    delete the file. Return a message for each invalid line."""
    try:
        descriptor = os.open(metrics.file, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return []
    except OSError as error:
        return [f"metrics of other processes cannot be read: {error}"]
    with os.fdopen(descriptor, "rb") as file:
        if os.fstat(descriptor).st_uid != os.getuid():
            return [f"metrics of other processes are not read: {metrics.file} belongs to another user"]
        content = file.read()
    os.unlink(metrics.file)
    return list(_parsed(metrics, content))


def collect_checked(what: str) -> None:
    """Add to the task's metrics the points that a successful shell command or notebook has written to the file
    `$FLOWC_METRICS`.

    Args:
        what: a description of the command or notebook for messages.

    Raises:
        MetricError: a line of the file is invalid.
    """
    metrics = ambient().metrics
    if metrics is not None and (faults := collect(metrics)):
        raise MetricError(f"{what}: {faults[0]}")


def _parsed(metrics: TaskMetrics, content: bytes) -> Iterator[str]:
    """Add the point in each valid line to `metrics`. Yield a message, without values of secrets, for each invalid
    line."""
    masks = masking.Masks(ambient().secrets)
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            point: Json = json_text.loads(line)
        except ValueError:
            point = None
        if not isinstance(point, dict) or not {"name", "value"} <= point.keys() <= {"name", "value", "step", "time"}:
            yield (
                f"line {number} of ${METRICS} is {_short(masks.text(line))}, not a JSON object such as "
                '{"name": "loss", "value": 0.5, "step": 1}'
            )
            continue
        when = point.get("time")
        try:
            _refuse_secrets(point["name"], point["value"], point.get("step"), when)
            name = check_name(point["name"])
            value, step = number_of(name, point["value"]), step_of(name, point.get("step"))
            known = isinstance(when, (int, float)) and math.isfinite(when) and when >= 0
            add(metrics, name, value, step, float(when) if known and isinstance(when, (int, float)) else time.time())
        except MetricError as error:
            yield f"line {number} of ${METRICS}: {masks.text(str(error))}"
