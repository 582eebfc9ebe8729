"""What an examination finds: harms, uses of environment variables, and the functions that it has examined."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import ast

    from flowc.frontends.purity.user_modules import CodeScope


class Harm(NamedTuple):
    """One statement that makes an import unsafe to share.

    Attributes:
        file: the file, as messages name it.
        line: the line.
        what: what the statement does: "calls open".
    """

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.what}"


class Findings:
    """The results of one examination.

    Attributes:
        harms: the statements that make the import unsafe to share.
        environment: the uses of environment variables.
        examined: the ids of the syntax trees of functions and classes that have been examined.
    """

    def __init__(self) -> None:
        self.harms: list[Harm] = []
        self.environment: list[Harm] = []
        self.examined: set[int] = set()

    def add(self, node: ast.AST, scope: CodeScope, what: str) -> None:
        """Add a harm at a node."""
        self.harms.append(Harm(scope.module.file, getattr(node, "lineno", 1), what))

    def add_environment(self, node: ast.expr, scope: CodeScope) -> None:
        """Add a use of environment variables at a node."""
        self.environment.append(Harm(scope.module.file, node.lineno, "uses environment variables"))
