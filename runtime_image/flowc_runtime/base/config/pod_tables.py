"""Read the tables of a configuration file that configure tasks and their pods: `[defaults]`, `[overrides.NAME]`,
`[steps.FLOW.STEP]`.

Each table has the same keys (`KEYS`). The values are kept as objects of the IR; None or an empty value means that the
table lacks the key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

from flowc_ir.late.namedtuple import NamedTuple
from flowc_ir.policies import Kubernetes, SecurityContext, Toleration
from flowc_ir.suggestion import suggest
from flowc_runtime.base.config.config_keys import shown_value
from flowc_runtime.base.config.task_limits import (
    NO_LIMITS,
    LimitError,
    TaskLimits,
    environment_of,
    resources_of,
    retry_of,
    timeout_of,
)
from flowc_runtime.base.errors import ConfigurationFault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    TomlPath: TypeAlias = tuple[str, ...]
    Place: TypeAlias = Callable[[TomlPath], str]

OF_SETTINGS: Final = ("image", "service-account")
"""Keys that are also settings: in `[defaults]`, such a key sets the setting; options and variables take precedence over
it."""


class PodTable(NamedTuple):
    """The values in one of the tables. `override` is the NAME of a table `[overrides.NAME]` whose values apply as well;
    only a table `[steps.FLOW.STEP]` can have this key."""

    pod: Kubernetes = Kubernetes()
    limits: TaskLimits = NO_LIMITS
    override: str = ""


class PodTables(NamedTuple):
    """The parsed tables of a configuration file.

    Attributes:
        defaults: the values for all steps.
        overrides: the values in the tables `[overrides.NAME]`, by NAME; they apply to the steps that name this table.
        steps: the values for single steps: flow -> step -> values.
        places: (flow, step) -> the file and line of the step's table, such as `flowc.toml:7`.
    """

    defaults: PodTable
    overrides: Mapping[str, PodTable]
    steps: Mapping[str, Mapping[str, PodTable]]
    places: Mapping[tuple[str, str], str]


class PodKey(NamedTuple):
    """A key that the tables may contain.

    Attributes:
        read: converts a value to an object of the IR, given the value and its name for messages; raises LimitError.
        example: a line with a valid value.
        help: the description.
        merged: whether the value is a table whose keys are checked one by one, and are merged with those of other
            tables.
    """

    read: Callable[[object, str], object]
    example: str
    help: str
    merged: bool = False


# -- values ------------------------------------------------------------------------------------------------------------


def _text(value: object, what: str) -> str:
    if not isinstance(value, str) or not value:
        raise LimitError(f"{what} is {shown_value(value)}, not a string")
    return value


def _one_of(*choices: str) -> Callable[[object, str], str]:
    def read(value: object, what: str) -> str:
        if not isinstance(value, str) or value not in choices:
            raise LimitError(f"{what} is {shown_value(value)}, not one of {', '.join(choices)}")
        return value

    return read


def _texts(value: object, what: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
        raise LimitError(f"{what} is {shown_value(value)}, not a list of strings")
    return tuple(value)


def _pairs(value: object, what: str) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, Mapping):
        raise LimitError(f"{what} is {shown_value(value)}, not a table of strings")
    for name, each in value.items():
        if not isinstance(each, str):
            raise LimitError(f"{what}: {name} is {shown_value(each)}, not a string")
    return tuple(value.items())


def _amounts(value: object, what: str) -> tuple[tuple[str, str], ...]:
    if isinstance(value, Mapping):
        value = {name: str(each) if type(each) is int else each for name, each in value.items()}
    return _pairs(value, what)


def _claims(value: object, what: str) -> tuple[tuple[str, str], ...]:
    pairs = _pairs(value, what)
    for name, path in pairs:
        if not path.startswith("/"):
            raise LimitError(f"{what}: {name} is {shown_value(path)}, not an absolute path such as /data")
    return pairs


def _resources(value: object, what: str) -> object:
    if not isinstance(value, Mapping):
        raise LimitError(f"{what}: resources is {shown_value(value)}, not a table of amounts")
    fields = ("cpu", "memory", "gpu", "disk", "shared-memory")
    return resources_of(_snake(value, fields, f"{what}: resources"), what)


def _fields(value: object, kinds: Mapping[str, type], what: str) -> dict[str, object]:
    """Check that a table has only keys of `kinds`, with values of exactly these types; return the table with `_`
    instead of `-` in its keys."""
    if not isinstance(value, Mapping):
        raise LimitError(f"{what} is {shown_value(value)}, not a table")
    fields = _snake(value, [*kinds], what)
    words = {str: "a string", int: "a whole number", bool: "true or false"}
    for (name, kind), found in ((item, value[item[0]]) for item in kinds.items() if item[0] in value):
        if type(found) is not kind:
            raise LimitError(f"{what}: {name} is {shown_value(found)}, not {words[kind]}")
    return fields


_TOLERATION: Final = {"key": str, "operator": str, "value": str, "effect": str, "toleration-seconds": int}
_SECURITY: Final = {
    "privileged": bool,
    "allow-privilege-escalation": bool,
    "run-as-user": int,
    "run-as-group": int,
    "run-as-non-root": bool,
}


def _tolerations(value: object, what: str) -> tuple[Toleration, ...]:
    if not isinstance(value, list):
        raise LimitError(f"{what} is {shown_value(value)}, not a list of tables")
    found = [_fields(each, _TOLERATION, f"{what}: item {number}") for number, each in enumerate(value, 1)]
    return tuple(Toleration(**fields) for fields in found)  # type: ignore[arg-type]  # `_fields` has checked the types


def _security(value: object, what: str) -> SecurityContext:
    return SecurityContext(**_fields(value, _SECURITY, what))  # type: ignore[arg-type]  # `_fields` has checked the types


def _snake(value: Mapping[str, object], known: list[str] | tuple[str, ...], what: str) -> dict[str, object]:
    """Return a table with `_` instead of `-` in its keys. Raises LimitError for a key that is not in `known`."""
    for name in value:
        if name not in known:
            hint = suggest(name.replace("_", "-"), known, f"it has {', '.join(known)}")
            raise LimitError(f"{what} has no '{name}': {hint}")
    return {name.replace("-", "_"): each for name, each in value.items()}


# -- tables ------------------------------------------------------------------------------------------------------------

LIMITS: Final[Mapping[str, PodKey]] = {
    "resources": PodKey(
        _resources,
        'resources = { cpu = 2, memory = "4Gi" }',
        "The amounts `cpu`, `memory`, `gpu`, `disk` and `shared-memory`, as in pipelines.",
        merged=True,
    ),
    "environment": PodKey(
        environment_of, 'environment = { LEVEL = "high" }', "Environment variables of the task.", merged=True
    ),
    "retry": PodKey(retry_of, "retry = 3", 'Attempts after a failed one; also `{ times = 3, wait = "30s" }`.'),
    "timeout": PodKey(timeout_of, 'timeout = "1h"', "The longest duration of an attempt: seconds, or a string."),
}
POD: Final[Mapping[str, PodKey]] = {
    "image": PodKey(_text, 'image = "registry/flows:3"', "The image."),
    "image-pull-policy": PodKey(
        _one_of("Always", "IfNotPresent", "Never"), 'image-pull-policy = "Always"', "When nodes pull the image."
    ),
    "image-pull-secrets": PodKey(_texts, 'image-pull-secrets = ["registry"]', "Secrets with credentials for images."),
    "service-account": PodKey(_text, 'service-account = "flows"', "The service account."),
    "node-selector": PodKey(_pairs, 'node-selector = { disk = "ssd" }', "Labels that the node must have.", merged=True),
    "tolerations": PodKey(
        _tolerations, 'tolerations = [{ key = "gpu", operator = "Exists" }]', "Taints of nodes that are tolerated."
    ),
    "labels": PodKey(_pairs, 'labels = { team = "vision" }', "Labels of the pod.", merged=True),
    "annotations": PodKey(
        _pairs, 'annotations = { "example.com/owner" = "me" }', "Annotations of the pod.", merged=True
    ),
    "gpu-vendor": PodKey(_one_of("nvidia", "amd"), 'gpu-vendor = "amd"', "The vendor of GPUs."),
    "extended-resources": PodKey(
        _amounts, 'extended-resources = { "example.com/fpga" = 1 }', "Amounts of other resources.", merged=True
    ),
    "persistent-volume-claims": PodKey(
        _claims, 'persistent-volume-claims = { data = "/data" }', "Claims, and where they are mounted.", merged=True
    ),
    "security-context": PodKey(
        _security, "security-context = { run-as-user = 1000 }", "The user of the container.", merged=True
    ),
}
_OVERRIDE: Final = PodKey(_text, 'override = "NAME"', "The name of an override, whose values also apply to the step.")
KEYS: Final[Mapping[str, PodKey]] = {**LIMITS, **POD}


class PodReader:
    """Reads the tables of one file, and collects all faults of the tables in `faults`.

    Args:
        place: a function that takes the path of a key and returns the key's file and line, such as `flowc.toml:3`.
    """

    def __init__(self, place: Place) -> None:
        self.faults: list[ConfigurationFault] = []
        self._place = place

    def read(self, tables: Mapping[str, object], settings: dict[str, object]) -> PodTables:
        """Return the tables without their faulty values.

        Args:
            tables: the tables.
            settings: the settings of the file, to which the settings in `[defaults]` are added.
        """
        defaults = self._table(self._without_settings(tables.get("defaults", {}), settings), ("defaults",))
        overrides = {path[1]: self._table(value, path) for path, value in self._inner(tables, "overrides")}
        steps: dict[str, dict[str, PodTable]] = {}
        places: dict[tuple[str, str], str] = {}
        for path, value in self._inner(tables, "steps"):
            for name, inner in value.items():
                step = (*path, name)
                if not isinstance(inner, Mapping):
                    self._add(step, f"[steps.{path[1]}]: '{name}' is not a table of a step", _HOW_STEPS)
                    continue
                table = self._table(inner, step)
                if table.override and table.override not in overrides:
                    hint = suggest(table.override, overrides, _named(overrides))
                    self._add((*step, "override"), f"there is no [overrides.{table.override}]", hint)
                steps.setdefault(path[1], {})[name] = table
                places[path[1], name] = self._place(step)
        return PodTables(defaults, overrides, steps, places)

    def _without_settings(self, defaults: object, settings: dict[str, object]) -> object:
        """Return `[defaults]` without the keys that are settings, and add the values of these keys to the settings."""
        if not isinstance(defaults, Mapping):
            return defaults
        for key in (key for key in OF_SETTINGS if key in defaults):
            path, what = ("defaults", key), f"[defaults]: {key}"
            if key in settings:
                before = self._place((key,))
                self._add(path, f"{what} is written twice: it is the setting in {before}", "remove one of them")
            elif (value := self._value(KEYS[key], defaults[key], path, what)) is not None:
                settings[key] = value
        return {key: value for key, value in defaults.items() if key not in OF_SETTINGS}

    def _inner(self, tables: Mapping[str, object], name: str) -> Iterator[tuple[TomlPath, Mapping[str, object]]]:
        """Yield the tables inside of a table, with their paths."""
        how = _HOW_STEPS if name == "steps" else "write [overrides.NAME], and the values for its steps below it"
        outer = tables.get(name, {})
        if not isinstance(outer, Mapping):
            self._add((name,), f"{name} is {shown_value(outer)}, not a table", how)
            return
        for key, value in outer.items():
            if isinstance(value, Mapping):
                yield (name, key), value
            else:
                self._add((name, key), f"[{name}]: '{key}' is not a table", how)

    def _table(self, value: object, path: TomlPath) -> PodTable:
        what = f"[{'.'.join(path)}]"
        if not isinstance(value, Mapping):
            self._add(
                path, f"{path[-1]} is {shown_value(value)}, not a table", f"write {what}, and a line for each value"
            )
            return PodTable()
        known = [*KEYS, *(["override"] if path[0] == "steps" else [])]
        limits: dict[str, object] = {}
        pod: dict[str, object] = {}
        override = ""
        for key, each in value.items():
            if key not in known:
                hint = suggest(key.replace("_", "-"), known, f"its keys are {', '.join(known)}")
                self._add((*path, key), f"{what} has no key '{key}'", _MEANT.get(key.replace("_", "-"), hint))
            elif key == "override":
                override = str(self._value(_OVERRIDE, each, (*path, key), f"{what}: {key}") or "")
            elif key in LIMITS:
                limits[key] = self._value(LIMITS[key], each, (*path, key), what)
            else:
                pod[key.replace("-", "_")] = self._value(POD[key], each, (*path, key), f"{what}: {key}")
        given = {name: each for name, each in pod.items() if each is not None}
        amounts = {name: each for name, each in limits.items() if each is not None}
        # The function `read` of each key has checked the types.
        return PodTable(Kubernetes(**given), TaskLimits(**amounts), override)  # type: ignore[arg-type]

    def _value(self, key: PodKey, value: object, path: TomlPath, what: str) -> object:
        """Return a value as an object of the IR; None if the value is faulty."""
        parts = [(path, value)]
        if key.merged and isinstance(value, Mapping):
            parts = [((*path, name), {name: each}) for name, each in value.items()]
        before = len(self.faults)
        for at, part in parts:
            try:
                key.read(part, what)
            except LimitError as error:
                self._add(at, str(error), f"write {key.example}")
        return key.read(value, what) if len(self.faults) == before else None

    def _add(self, path: TomlPath, message: str, hint: str) -> None:
        self.faults.append(ConfigurationFault(f"{self._place(path)}: {message}", hint))


_HOW_STEPS: Final = "write [steps.FLOW.STEP], and the values for this step of the flow below it"
# Hints for keys that belong to another table or to other tools.
_MEANT: Final = {
    **{name: f"write resources = {{ {name} = … }}" for name in ("cpu", "memory", "gpu", "disk", "shared-memory")},
    "env": "did you mean 'environment'?",
    "max-attempts": "write retry = NUMBER, which counts the attempts after the first one",
    "override": "name the override in the step's code, or in a table [steps.FLOW.STEP]",
}


def _named(overrides: Mapping[str, object]) -> str:
    return f"the overrides are {', '.join(overrides)}" if overrides else "the file has no table [overrides.NAME]"
