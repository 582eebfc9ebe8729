"""The project of a flow, as values for its steps and as tags of its runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowc_ir import Flow, Project


def values(flow: Flow) -> dict[str, object]:
    """Return the values of the properties of `current` that describe the project; empty if the flow has no project.

    Returns:
        `project_name`, `branch_name`, `is_user_branch`, `is_production` and `project_flow_name`.
    """
    project = flow.project
    if project is None:
        return {}
    return {
        "project_name": project.name,
        "branch_name": project.branch,
        "is_user_branch": project.branch.startswith("user."),
        "is_production": project.production,
        "project_flow_name": f"{project.name}.{project.branch}.{flow.name}",
    }


def tags(project: Project | None) -> list[str]:
    """Return the system tags that a project adds to a run."""
    return [f"project:{project.name}", f"project_branch:{project.branch}"] if project else []
