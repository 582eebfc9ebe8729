"""The results of an examination: harmful statements and uses of environment variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_ir.late.namedtuple import NamedTuple

if TYPE_CHECKING:
    import ast

    from flowc.frontends.purity.user_modules import CodeScope


class Harm(NamedTuple):
    """A statement with a harmful effect: tasks must not share modules whose import runs it.

    Attributes:
        file: the file name for messages.
        line: the line number.
        what: a description of the statement's effect: "calls open".
    """

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.what}"


class Findings:
    """The results of one examination.

    Attributes:
        harms: the harmful statements.
        environment: the statements that use environment variables.
        examined: the functions and classes that have been examined, as the `id` of their syntax trees.
    """

    def __init__(self) -> None:
        self.harms: list[Harm] = []
        self.environment: list[Harm] = []
        self.examined: set[int] = set()

    def add(self, node: ast.AST, scope: CodeScope, what: str) -> None:
        """Add a statement to `harms`, with the file of its scope and the line of the syntax node."""
        self.harms.append(Harm(scope.module.file, getattr(node, "lineno", 1), what))

    def add_environment(self, node: ast.expr, scope: CodeScope) -> None:
        """Add a use of environment variables to `environment`, with the file of its scope and the line of the syntax
        node."""
        self.environment.append(Harm(scope.module.file, node.lineno, "uses environment variables"))
