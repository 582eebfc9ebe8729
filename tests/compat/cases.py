"""The cases of the comparison: every flow of `flows/`, and some with arguments."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE = Path(__file__).parent
FLOWS = HERE / "flows"
PACKAGES = HERE / "packages"
USER = "me"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A run of a flow, `python FLOW.py BEFORE… run ARGUMENTS…`, and the expected result."""

    flow: str
    before: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    code: int = 0
    says: str = ""
    """A text that the run's output, stdout and stderr together, must contain."""
    leaves_the_same: bool = True
    """Whether the artifacts of the two runs are compared."""
    home: Path = FLOWS
    """The directory with the flow's file and the files that the flow uses."""
    seen: bool = False
    """Whether only the artifact `seen` of the last step is compared, because other artifacts contain times or HTML."""

    @property
    def packages(self) -> list[str]:
        """The packages that the flow needs, which are listed in its docstring."""
        first = (self.home / f"{self.flow}.py").read_text(encoding="utf-8").partition("\n")[0]
        return first.strip('"').split() if self.home == PACKAGES else []

    def __str__(self) -> str:
        words = (*self.environment.values(), *self.before, *self.arguments)
        return " ".join((self.flow, *words)) if words else self.flow


_WITH_ARGUMENTS = (
    Case(flow="inheritance"),
    Case(flow="current_values", arguments=("--tag", "given")),
    Case(flow="task_ids", leaves_the_same=False),  # ids have another form
    Case(flow="switch_simple", arguments=("--level", "low")),
    Case(flow="switch_simple", arguments=("--level", "none")),
    Case(flow="switch_simple", arguments=("--level", "elsewhere"), code=1, says="elsewhere"),
    Case(flow="switch_nested", arguments=("--number", "101")),
    Case(flow="switch_nested", arguments=("--number", "-1")),
    Case(flow="exit_hooks", arguments=("--fail", "True"), code=1, says="as asked"),
    # parameters
    Case(flow="parameters_given", arguments=("--whole", "7"), says="7 {'a': 1} False 1.5 ''"),
    Case(
        flow="parameters_given",
        arguments=("--whole=-7", "--data", '[1, "ü"]', "--flag", "True", "--part", "2e3", "--text", "a 'b' \"c\" $d"),
        says="-7 [1, 'ü'] True 2000.0",
    ),
    Case(flow="parameters_given", arguments=("--whole", "1", "--many", "p", "--many", "q", "--split", "x|y|z")),
    Case(flow="parameters_given", environment={"METAFLOW_RUN_WHOLE": "8", "METAFLOW_RUN_TEXT": "of the environment"}),
    Case(flow="parameters_given", environment={"METAFLOW_RUN_WHOLE": "8"}, arguments=("--whole", "9"), says="9 {"),
    Case(flow="parameters_given", code=2, says="--whole"),
    Case(flow="parameters_given", arguments=("--whole", "x"), code=2, says="--whole"),
    Case(flow="parameters_given", arguments=("--whole", "1", "--flag", "perhaps"), code=2, says="--flag"),
    Case(flow="parameters_given", arguments=("--whole", "1", "--data", "{not JSON"), code=2, says="--data"),
    Case(flow="parameters_given", arguments=("--whole", "1", "--unknown", "2"), code=2, says="--unknown"),
    Case(flow="decorator_specs", code=1, says="once"),
    Case(flow="decorator_specs", arguments=("--with", "retry:times=2"), code=1, says="once"),
    Case(flow="include_file", arguments=("--nothing", "nowhere"), code=2, says="could not open file 'nowhere'"),
    Case(flow="parameters_named_like_options", says="seen: f 1 0.5 h from c v p xml t True o m"),
    Case(
        flow="parameters_named_like_options",
        arguments=(
            "--flow",
            "g",
            "--start=2.5",
            "--help",
            "me",
            "--config=k",
            "--params-file=q",
            "--Tag=u",
            "--local=3",
            "--quiet=False",
            "--log-format=text",
            "--größe=xl",
            "--origin-run-id=1",
        ),
        says="seen: g 3 2.5 me from k v q text u False 1 xl",
    ),
    Case(
        flow="parameters_named_like_options",
        environment={
            "METAFLOW_RUN_FLOW": "g",
            "METAFLOW_RUN_LOG_FORMAT": "none",
            "METAFLOW_RUN_GRÖSSE": "s",
            "METAFLOW_RUN_CONFIG_VALUE": "w",
        },
        says="seen: g 1 0.5 h from c w p none t True o s",
    ),
    Case(
        flow="parameters_own_types",
        arguments=(
            "--path",
            "c",
            "--path-value",
            "d",
            "--date",
            "2025-02-03",
            "--part",
            "2/3",
            "--color",
            "blue",
            "--color-value",
            "red",
            "--pair",
            "q",
            "--loud",
            "x",
            "--none",
            "y",
            "--letters",
            "xy",
            "--both",
            "uv",
            "--some",
            "w",
            "--paths",
            "z",
            "--dims",
            "[3]",
            "--number",
            "7",
            "--when",
            "2025-01-01",
            "--word",
            "B",
        ),
        says="both ('u', 'v')",
    ),
    Case(flow="parameters_own_types", arguments=("--color", "green"), code=2, says="--color"),
    Case(flow="parameters_own_types", arguments=("--date", "someday"), code=2, says="--date"),
    Case(flow="parameters_own_types", arguments=("--key", "none"), code=2, says="--key"),
    # configs
    Case(flow="config_files", before=("--config", "model", "support/deep.json"), arguments=("--expected-layers", "5")),
    Case(flow="config_files", before=("--config-value", "maybe", '{"given": true}')),
    Case(flow="config_files", before=("--config", "model", "nowhere.json"), code=2, says="nowhere.json"),
    Case(flow="config_files", before=("--config", "modle", "support/deep.json"), code=2, says="modle"),
    Case(flow="config_files", before=("--config-value", "model", "{no JSON"), code=2, says="model"),
    # decorators and options
    Case(flow="project_branches", before=("--branch", "b"), arguments=("--branch-expected", "test.b")),
    Case(
        flow="project_branches",
        before=("--production",),
        arguments=("--branch-expected", "prod", "--production-expected", "True"),
    ),
    Case(
        flow="project_branches",
        before=("--branch", "b", "--production"),
        arguments=("--branch-expected", "prod.b", "--production-expected", "True"),
    ),
    Case(flow="project_branches", environment={"METAFLOW_BRANCH": "b"}, arguments=("--branch-expected", "test.b")),
    Case(flow="with_decorators", arguments=("--with", "retry:times=1,minutes_between_retries=0")),
    Case(flow="with_decorators", before=("--with", "retry:minutes_between_retries=0")),
    Case(flow="with_decorators", code=1, says="the first attempt fails"),
    Case(flow="nested_foreach", arguments=("--max-workers", "1")),
    # the runs differ as expected: flowc fails only the step with too many items, Metaflow the whole run
    Case(flow="nested_foreach", arguments=("--max-num-splits", "1"), code=1, says="2", leaves_the_same=False),
    Case(flow="nested_foreach", environment={"METAFLOW_RUN_MAX_WORKERS": "1"}),
    # faults of flows
    Case(flow="faults/assigns_parameter", code=1, leaves_the_same=False),  # flowc starts no run of this flow
    Case(flow="faults/conditional_next", code=1, says="start"),
    Case(flow="faults/exits", code=1),
    Case(flow="faults/foreach_not_joined", code=1, says="join"),
    Case(flow="faults/foreach_over_none", code=1, says="items"),
    Case(flow="faults/foreach_over_unset", code=1, says="items"),
    Case(flow="faults/merge_conflict", code=1, says="x"),
    Case(flow="faults/misplaced_decorator", code=1, says="tims"),
    Case(flow="faults/missing_file", code=2, says="could not open file 'nowhere.txt'"),
    Case(flow="faults/missing_module", code=1, says="a_module_that_there_is_not"),
    Case(flow="faults/no_end", code=1, says="end"),
    Case(flow="faults/no_next", code=1, says="start"),
    Case(flow="faults/orphan", code=1, says="orphan"),
    Case(flow="faults/raises", code=1, says="ValueError: no luck"),
    Case(flow="faults/required_config", code=2, says="missing configuration for 'settings'"),
    Case(flow="faults/unknown_artifact", code=1, says="has no attribute 'nowhere'"),
    Case(flow="faults/unknown_step", code=1, says="ende"),
    Case(flow="faults/unpicklable", code=1, says="lock"),
)
# Flows that cannot run without arguments; the cases above run them with arguments.
_NEED_ARGUMENTS = {
    "current_values",
    "decorator_specs",
    "inheritance",
    "parameters_given",
    "task_ids",
    "with_decorators",
}

CASES = (
    *(Case(flow=path.stem) for path in sorted(FLOWS.glob("*.py")) if path.stem not in _NEED_ARGUMENTS),
    *_WITH_ARGUMENTS,
)
"""Every flow of `flows/`, without and with arguments."""

# Metaflow 2.19 shows an error card instead of a card whose class does not accept unknown keyword arguments.
_CARDS_LOST_THERE = {"card_corise", "card_hello", "traincard"}

PACKAGE_CASES = tuple(
    Case(flow=path.stem, home=PACKAGES, leaves_the_same=path.stem not in _CARDS_LOST_THERE, seen=True)
    for path in sorted(PACKAGES.glob("*.py"))
    if path.stem != "support"
)
"""For each package for Metaflow that needs no account at a service: a flow that uses the installed package."""
