"""Steps that contain pipelines: parallel branches, maps over items, loops and conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from flowc.pipeline.errors import PipelineError
from flowc.pipeline.steps import NOTHING, Step, check_pipeline, check_value_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowc.pipeline.pipelines import AnyPipeline


class Parallel(Step):
    """A step that runs several pipelines (branches) at the same time; the next step runs when all branches have ended.

    Each branch sees the values of the steps before the Parallel. The steps after the Parallel see the values of all
    branches. If several branches return the same name, the value of the last of these branches in the order of
    `branches` is used.

    Args:
        branches: the pipelines by their names.
    """

    _required: ClassVar[tuple[str, ...]] = ("name", "branches")

    branches: Mapping[str, AnyPipeline] = NOTHING

    def check(self) -> None:  # noqa: D102  # has the docstring of the base class
        super().check()
        check_branches(self.branches, self.what)


class Map(Step):
    """A step that runs a pipeline once for each item of a list; the next step runs when all items have ended.

    In the steps after the Map, each name that the branch returns has a list as its value: the returned values in the
    order of the items, with None for an item that did not return the name. With a `reducer`, the name has the value
    that the reducer makes from the returned values.

    Args:
        branch: the pipeline that runs for each item.
        iterate_on: the name of the list, which is a parameter, or a value that an earlier step returned.
        iterate_as: the name by which steps in the branch read the item.
        reducer: a function that is applied to the list. It is given as a callable, as a lambda in a string, or by its
            dotted path. To apply a different function to each returned value, give a mapping from names to functions in
            these forms. A function that takes `*values` gets the values as separate arguments.
    """

    _required: ClassVar[tuple[str, ...]] = ("name", "branch", "iterate_on", "iterate_as")

    branch: AnyPipeline = None  # type: ignore[assignment]  # required, see `_required`
    iterate_on: str = ""
    iterate_as: str = ""
    reducer: Callable[..., Any] | str | Mapping[str, Callable[..., Any] | str] | None = None

    def check(self) -> None:  # noqa: D102  # has the docstring of the base class
        super().check()
        check_pipeline(self.branch, f"{self.what}: branch")
        check_value_name(self.iterate_on, f"{self.what}: iterate_on")
        check_value_name(self.iterate_as, f"{self.what}: iterate_as")


class Loop(Step):
    """A step that runs a pipeline repeatedly, until a value is true or the number of iterations reaches a limit.

    Args:
        branch: the pipeline of one iteration.
        max_iterations: the largest number of iterations.
        break_on: the name of the value that ends the loop if it is true; the branch returns it.
        index_as: the name under which the branch reads the number of the current iteration, from 0: an argument of
            functions, an environment variable of shell commands.
    """

    _required: ClassVar[tuple[str, ...]] = ("name", "branch", "max_iterations", "break_on")

    branch: AnyPipeline = None  # type: ignore[assignment]  # required, see `_required`
    max_iterations: int = 0
    break_on: str = ""
    index_as: str = ""

    def check(self) -> None:  # noqa: D102  # has the docstring of the base class
        super().check()
        check_pipeline(self.branch, f"{self.what}: branch")
        check_value_name(self.break_on, f"{self.what}: break_on")
        if self.index_as:
            check_value_name(self.index_as, f"{self.what}: index_as")
        if type(self.max_iterations) is not int or self.max_iterations < 1:
            raise PipelineError(
                f"{self.what}: max_iterations is {self.max_iterations!r:.60}, not a whole number from 1"
            )


class Conditional(Step):
    """A step that runs one of several pipelines (branches), which a value chooses.

    Args:
        parameter: the name of the value, which is a parameter, or a value that an earlier step returned.
        branches: for each value, the pipeline that it chooses. A string such as "3" or "True" also chooses the branch
            for the number 3 or the truth value True.
        default: the pipeline for all other values; if there is none, another value is an error.
    """

    _required: ClassVar[tuple[str, ...]] = ("name", "branches", "parameter")

    parameter: str = ""
    branches: Mapping[str | int | float | bool, AnyPipeline] = NOTHING
    default: AnyPipeline | None = None

    def check(self) -> None:  # noqa: D102  # has the docstring of the base class
        super().check()
        check_value_name(self.parameter, f"{self.what}: parameter")
        check_branches(self.branches, self.what)
        check_pipeline(self.default, f"{self.what}: default", optional=True)


def check_branches(branches: object, what: str) -> None:
    """Raise PipelineError unless the value maps names to pipelines."""
    if not isinstance(branches, dict) or not branches:
        raise PipelineError(f"{what}: branches is {branches!r:.60}, not a dict of names and pipelines")
    for name, branch in branches.items():
        check_pipeline(branch, f"{what}: branch {name!r}")
