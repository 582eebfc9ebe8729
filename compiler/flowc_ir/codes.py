"""The codes of all faults and warnings that flowc reports about flows. docs/errors.md explains each code.

A code is never reused for another fault. tests/errors has a case for each code. A test checks that this module,
docs/errors.md and tests/errors have the same codes.
"""

from __future__ import annotations

from typing import Final

# the file
SYNTAX_ERROR: Final = "syntax-error"
IMPORT_FAILED: Final = "import-failed"
UNKNOWN_NAME: Final = "unknown-name"
UNSUPPORTED_FEATURE: Final = "unsupported-feature"
NO_FLOW: Final = "no-flow"
MANY_FLOWS: Final = "many-flows"
UNGUARDED_FLOW: Final = "unguarded-flow"
PACKAGE_TOO_LARGE: Final = "package-too-large"
UNREADABLE_FILE: Final = "unreadable-file"
# a pipeline in YAML
YAML_SYNTAX: Final = "yaml-syntax"
YAML_KEY: Final = "yaml-key"
YAML_VALUE: Final = "yaml-value"
# faults of an IR that is given as a JSON file
IR_NOT_JSON: Final = "ir-not-json"
NO_IR: Final = "no-ir"
IR_TOO_NEW: Final = "ir-too-new"
BAD_IR: Final = "bad-ir"
MISSING_CODE: Final = "missing-code"
CODE_DIFFERS: Final = "code-differs"
BAD_ARCHIVE: Final = "bad-archive"
UNSAFE_ARCHIVE: Final = "unsafe-archive"
# steps
NO_START: Final = "no-start"
NO_END: Final = "no-end"
AMBIGUOUS_STEP: Final = "ambiguous-step"
NO_SOURCE: Final = "no-source"
STEP_SIGNATURE: Final = "step-signature"
STEP_NOT_PLAIN: Final = "step-not-plain"
MISSING_STEP_DECORATOR: Final = "missing-step-decorator"
DUPLICATE_STEP: Final = "duplicate-step"
RESERVED_NAME: Final = "reserved-name"
# transitions
MISSING_NEXT: Final = "missing-next"
NEXT_NOT_LAST: Final = "next-not-last"
SEVERAL_NEXTS: Final = "several-nexts"
NEXT_ARGUMENT: Final = "next-argument"
END_WITH_NEXT: Final = "end-with-next"
UNKNOWN_STEP: Final = "unknown-step"
FOREACH_NAME: Final = "foreach-name"
FOREACH_TWO_STEPS: Final = "foreach-two-steps"
DUPLICATE_BRANCH: Final = "duplicate-branch"
SWITCH_CONDITION: Final = "switch-condition"
SWITCH_ARMS: Final = "switch-arms"
PARALLEL_STEP: Final = "parallel-step"
# the graph
CYCLE: Final = "cycle"
UNREACHABLE_STEP: Final = "unreachable-step"
JOIN_WITHOUT_INPUTS: Final = "join-without-inputs"
INPUTS_WITHOUT_SPLIT: Final = "inputs-without-split"
SPLIT_WITHOUT_JOIN: Final = "split-without-join"
FOREIGN_JOIN: Final = "foreign-join"
EMPTY_BRANCH: Final = "empty-branch"
WRONG_JOIN: Final = "wrong-join"
BAD_ACTION: Final = "bad-action"
# decorators
UNKNOWN_ARGUMENT: Final = "unknown-argument"
BAD_ARGUMENT: Final = "bad-argument"
BAD_SCHEDULE: Final = "bad-schedule"
BAD_POLICY: Final = "bad-policy"
UNKNOWN_OVERRIDE: Final = "unknown-override"
DUPLICATE_DECORATOR: Final = "duplicate-decorator"
MISPLACED_DECORATOR: Final = "misplaced-decorator"
CATCH_ON_FOREACH: Final = "catch-on-foreach"
MUTATOR_FAILED: Final = "mutator-failed"
# parameters
BAD_PARAMETER: Final = "bad-parameter"
BAD_DEFAULT: Final = "bad-default"
PARAMETER_CLASH: Final = "parameter-clash"
ASSIGNED_PARAMETER: Final = "assigned-parameter"
# configs
BAD_CONFIG: Final = "bad-config"
CONFIG_VALUE: Final = "config-value"
CONFIG_EXPRESSION: Final = "config-expression"
# constructs that Argo or Kubernetes refuses
ARGO_TOO_MANY_TEMPLATES: Final = "argo-too-many-templates"
ARGO_ARGUMENT_TOO_LONG: Final = "argo-argument-too-long"
ARGO_TOO_LARGE: Final = "argo-too-large"
ARGO_CODE_TOO_LARGE: Final = "argo-code-too-large"
ARGO_CODE_FILE_NAME: Final = "argo-code-file-name"
ARGO_BAD_ENVIRONMENT: Final = "argo-environment"
ARGO_BAD_RESOURCES: Final = "argo-resources"
ARGO_POD_OPTION: Final = "argo-pod-option"
ARGO_LOCAL_SECRET: Final = "argo-local-secret"
ARGO_TRIGGER: Final = "argo-trigger"
ARGO_PACKAGES: Final = "argo-packages"
ARGO_ELSEWHERE: Final = "argo-other-back-end"
ARGO_NAME_CLASH: Final = "argo-name-clash"
ARGO_DEFAULT_NOT_COMPUTED: Final = "argo-default-not-computed"
NO_SCHEDULE: Final = "no-schedule"
SCHEDULE_NEEDS_DEFAULTS: Final = "schedule-needs-defaults"
ARGO_TOO_MANY_TASKS: Final = "argo-too-many-tasks"
# constructs that Step Functions, AWS Batch or Amazon ECS refuses
SFN_CONSTRUCT: Final = "stepfunctions-construct"
SFN_OPTION: Final = "stepfunctions-option"
SFN_ENVIRONMENT: Final = "stepfunctions-environment"
SFN_SCHEDULE: Final = "stepfunctions-schedule"
SFN_TOO_LARGE: Final = "stepfunctions-too-large"
# Warnings: the flow is valid, but may not do what its author means.
SCHEDULE_NEVER_FIRES: Final = "schedule-never-fires"
SCHEDULE_CLOCK_CHANGE: Final = "schedule-clock-change"
SCHEDULE_INTERVAL: Final = "schedule-interval"
PARAMETER_TYPE: Final = "parameter-type"
DEFAULT_TYPE: Final = "default-type"

WARNINGS: frozenset[str] = frozenset(
    (SCHEDULE_NEVER_FIRES, SCHEDULE_CLOCK_CHANGE, SCHEDULE_INTERVAL, PARAMETER_TYPE, DEFAULT_TYPE)
)
CODES: frozenset[str] = frozenset(
    value for name, value in list(globals().items()) if name.isupper() and isinstance(value, str)
)
