"""Creates objects of `flowc.pipeline`, and records for each object where the YAML file defines it. The readers of both
forms of YAML pipelines (`yaml_list` and `yaml_dag`) use this module."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, final

from flowc.frontends.yaml.yaml_shapes import Text, add_wrong, check_clear
from flowc.frontends.yaml.yaml_tree import Keyed
from flowc.pipeline.errors import PipelineError
from flowc.pipeline.pipelines import Pipeline
from flowc.pipeline.steps import Catalog, Fields, WrittenAt
from flowc_ir import codes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flowc.frontends.yaml.yaml_tree import Scalar, Tree
    from flowc.pipeline.steps import Step
    from flowc_ir import Choice, Span
    from flowc_ir.diagnostic import Faults

    Read = Callable[[Tree, str], "Pipeline | None"]
_Made = TypeVar("_Made", bound=Fields)


@final
class YamlObjects:
    """Creates objects of `flowc.pipeline`. After the first fault, further faults are collected, but no more objects are
    created.

    Args:
        faults: collects the faults.
        file: the path of the YAML file.
    """

    def __init__(self, faults: Faults, file: str) -> None:
        self.faults = faults
        self._file = file

    def place(self, span: Span) -> WrittenAt:
        """Convert a span of the YAML file to the place at which an object is written."""
        return WrittenAt(self._file, span.line, span.column, span.width)

    def make(
        self, cls: type[_Made], given: Mapping[str, object], at: Span, values: Mapping[str, Tree] | None = None
    ) -> _Made | None:
        """Create an object; None if an argument is faulty, which is reported.

        Args:
            cls: the class of the object.
            given: the arguments by name.
            at: the span of the object in the file.
            values: the values of arguments as read from the file; they have the spans of the arguments.
        """
        if self.faults:
            return None
        places = {name: self.place(tree.span) for name, tree in (values or {}).items()}
        try:
            return cls.written(given, self.place(at), places)
        except PipelineError as error:
            self.faults.add(codes.YAML_VALUE, at, str(error), hint=None)
            return None

    def pipeline(self, steps: Sequence[Step], at: Span, about: Mapping[str, object] | None = None) -> Pipeline | None:
        """Create a pipeline of these steps."""
        return self.make(Pipeline, {"steps": [*steps], **(about or {})}, at)

    def with_catalog(self, given: Mapping[str, object], at: Span) -> dict[str, object]:
        """Return the arguments of a task. If `catalog` is among them, the dict that was read from the file is replaced
        by a `Catalog`."""
        if "catalog" not in given:
            return dict(given)
        fields = given["catalog"]
        assert isinstance(fields, dict)
        return {**given, "catalog": self.make(Catalog, fields, at)}

    def branches(self, tree: Tree, what: str, read: Read) -> dict[str, Pipeline | None]:
        """Read the branches of a parallel step: branch name → pipeline.

        Args:
            tree: the value in the file.
            what: a description of the value for messages.
            read: the function that reads a pipeline.
        """
        found: dict[str, Pipeline | None] = {}
        for key, value in self._entries(tree, what):
            name = Text().read(key, f"the name of a branch of {what}", self.faults)
            found[name] = read(value, f"branch '{key.text}' of {what}")
        return found

    def choices(self, tree: Tree, what: str, read: Read) -> dict[Choice, Pipeline | None]:
        """Read the branches of a conditional step: the value that chooses a branch → pipeline.

        Args:
            tree: the value in the file.
            what: a description of the value for messages.
            read: the function that reads a pipeline.
        """
        found: dict[Choice, Pipeline | None] = {}
        for key, value in self._entries(tree, what):
            check_clear(key, f"a value in {what}", self.faults)
            if key.value is None:
                add_wrong(key, f"a value in {what}", "a string, a number, true or false", self.faults)
            found[key.text if key.value is None else key.value] = read(value, f"branch '{key.text}' of {what}")
        return found

    def _entries(self, tree: Tree, what: str) -> tuple[tuple[Scalar, Tree], ...]:
        if isinstance(tree, Keyed) and tree.entries:
            return tree.entries
        add_wrong(tree, f"the branches of {what}", "a mapping of names and branches", self.faults)
        return ()
