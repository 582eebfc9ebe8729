"""Compute the cache keys of flowc's first release. A key is the digest of a text, which contains parts of the IR in the
format of that release.

With these keys, later releases find the cache entries that the first release wrote. So the text format must stay the
same when the IR changes.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from flowc_ir.model import Branch, End, Foreach, Gang, Goto, Switch, assert_never

if TYPE_CHECKING:
    from flowc_ir.model import Flow, Node, Transition

_VERSION = 2


def identity(flow: Flow, node: Node) -> list[object]:
    """Return the parts of the flow that the first release's cache keys contain, apart from the values that the task
    reads."""
    configs = [[config.name, config.text] for config in flow.configs]
    about = [
        repr(node.environment),
        _object("Packages", node.packages, "python", "pypi", "conda", "disabled") if node.packages else "None",
        _next(node.next),
        _object("Catch", node.catch, "var", "print_exception") if node.catch else "None",
        _tuple([_object("Plugin", plugin, "name", "attributes", "options", "written") for plugin in node.plugins]),
        repr(flow.with_decorators),
    ]
    return [_VERSION, flow.name, node.id, node.cache, list(sys.version_info[:2]), configs, about]


def _next(transition: Transition) -> str:
    match transition:
        case End():
            return "End()"
        case Goto():
            return _object("Goto", transition, "target")
        case Branch():
            return _object("Branch", transition, "targets")
        case Foreach():
            return _object("Foreach", transition, "over", "body")
        case Gang():
            return _object("Gang", transition, "body")
        case Switch():
            return _object("Switch", transition, "condition", "arms")
        case _:
            assert_never(transition)


def _object(name: str, value: object, *fields: str) -> str:
    return f"{name}({', '.join(f'{field}={getattr(value, field)!r}' for field in fields)})"


def _tuple(texts: list[str]) -> str:
    return f"({texts[0]},)" if len(texts) == 1 else f"({', '.join(texts)})"
