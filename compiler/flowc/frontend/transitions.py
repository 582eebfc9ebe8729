"""How a step is left: the `self.next(...)` that ends its body, read from its tree."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from flowc import diagnostics as codes
from flowc.frontend.names import did_you_mean, listed
from flowc.ir import Branch, End, Foreach, Goto
from flowc.ir.diagnostic import Diagnostic

if TYPE_CHECKING:
    from flowc.frontend.steps import Method
    from flowc.ir import Span, Transition

_EXAMPLE = "self.next(self.train)"


@final
@dataclass(frozen=True, slots=True)
class Leaving:
    """`next` is None when nothing is known of it and a fault says why; `mentions` are the steps named, with places."""

    next: Transition | None
    mentions: tuple[tuple[str, Span], ...] = ()
    fault: Diagnostic | None = None


def leaving(method: Method) -> Leaving:
    """The transition of a step, or the one fault that hides it."""
    calls = _next_calls(method)
    if method.name == "end":
        return _leaving_end(method, calls)
    last = method.tree.body[-1]
    match last:
        case ast.Expr(value=ast.Call() as call) if _is_next(call, method.self_name):
            if len(calls) > 1:
                extra = next(found for found in calls if found is not call)
                message = f"step '{method.name}' calls self.next more than once"
                return _fault(method, codes.SEVERAL_NEXTS, message, extra, "call it once, as the step's last statement")
            return _read(method, call)
    if calls:
        return _not_last(method, calls)
    return _fault(
        method,
        codes.MISSING_NEXT,
        f"step '{method.name}' does not say what comes next",
        None,
        f"end it with `{_EXAMPLE}`, naming a step; only the step 'end' ends a flow",
    )


def _leaving_end(method: Method, calls: list[ast.Call]) -> Leaving:
    if not calls:
        return Leaving(End())
    message = "step 'end' leads on, but it is where a flow ends"
    fault = _diagnostic(method, codes.END_WITH_NEXT, message, calls[0], "remove this call, or rename the step")
    return Leaving(End(), fault=fault)


def _next_calls(method: Method) -> list[ast.Call]:
    walked = ast.walk(method.tree)
    calls = [node for node in walked if isinstance(node, ast.Call) and _is_next(node, method.self_name)]
    return sorted(calls, key=lambda call: (call.lineno, call.col_offset))


def _is_next(node: ast.AST, self_name: str) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr="next")):
            return owner == self_name
    return False


def _not_last(method: Method, calls: list[ast.Call]) -> Leaving:
    """A call that is not the last statement of the step itself."""
    call = calls[0]
    message = f"step '{method.name}' does not end with its self.next"
    hint = "make it the last statement of the step"
    top = next((statement for statement in method.tree.body if call in ast.walk(statement)), None)
    match top:
        case ast.If() | ast.Match():
            message = f"step '{method.name}' calls self.next under a condition"
            hint = "call it once, as the last statement; decide inside the next step what to do"
        case ast.For() | ast.While() | ast.AsyncFor():
            message = f"step '{method.name}' calls self.next in a loop"
            hint = 'call it once, as the last statement; for one task an item write foreach="…"'
        case ast.Return() | ast.Assign():
            hint = "write it as a statement of its own, without `return` or `=`"
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            message = f"step '{method.name}' calls self.next in a function inside it"
    return _fault(method, codes.NEXT_NOT_LAST, message, call, hint)


def _read(method: Method, call: ast.Call) -> Leaving:
    keywords = {keyword.arg: keyword for keyword in call.keywords}
    for name, keyword in keywords.items():
        if name in ("condition", "num_parallel"):
            return _fault(method, codes.UNSUPPORTED_FEATURE, f"self.next({name}=…) is not supported", keyword,
                          "flowc does not have it yet; use branches or a foreach")  # fmt: skip
        if name != "foreach":
            meant = did_you_mean(name, ["foreach"])
            return _fault(method, codes.NEXT_ARGUMENT, f"self.next has no argument '{name or '**'}'", keyword,
                          f"did you mean '{meant}'?" if meant else "it takes steps, and foreach=")  # fmt: skip
    mentions: list[tuple[str, Span]] = []
    for argument in call.args:
        match argument:
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if owner == method.self_name:
                mentions.append((name, method.source.span(argument)))
            case _:
                return _bad_argument(method, argument)
    if not mentions:
        return _fault(method, codes.NEXT_ARGUMENT, f"step '{method.name}' calls self.next without a step", call,
                      f"name what comes next, as in `{_EXAMPLE}`")  # fmt: skip
    if "foreach" in keywords:
        return _read_foreach(method, call, keywords["foreach"], tuple(mentions))
    return _read_steps(method, call, tuple(mentions))


def _bad_argument(method: Method, argument: ast.expr) -> Leaving:
    match argument:
        case ast.Dict():
            return _fault(method, codes.UNSUPPORTED_FEATURE, "self.next({…}), a switch, is not supported", argument,
                          "flowc does not have it yet; decide inside a step what to do")  # fmt: skip
        case ast.Constant(value=str(text)) if text.isidentifier():
            hint = f"write `{method.self_name}.{text}`"
        case ast.Name(id=name):
            hint = f"write `{method.self_name}.{name}`"
        case ast.Call(func=ast.Attribute(attr=name)):
            hint = f"name the step without calling it: `{method.self_name}.{name}`"
        case _:
            hint = f"name each step where it is used, as in `{_EXAMPLE}`: the graph is read without running the step"
    message = f"step '{method.name}' gives self.next something that is not a step's name"
    return _fault(method, codes.NEXT_ARGUMENT, message, argument, hint)


def _read_foreach(
    method: Method, call: ast.Call, keyword: ast.keyword, mentions: tuple[tuple[str, Span], ...]
) -> Leaving:
    body, *others = [name for name, _ in mentions]
    if others:
        return _fault(method, codes.FOREACH_TWO_STEPS, f"step '{method.name}' opens a foreach over several steps",
                      call.args[1], "lead the foreach to one step, and branch from there")  # fmt: skip
    match keyword.value:
        case ast.Constant(value=str(over)) if over.isidentifier():
            return Leaving(Foreach(over=over, body=body), mentions)
        case ast.Attribute(value=ast.Name(id=owner), attr=name) if owner == method.self_name:
            hint = f'write `foreach="{name}"`'
        case ast.Name(id=name):
            hint = f'assign the list to self.{name} and write `foreach="{name}"`'
        case _:
            hint = 'assign the list to an artifact and name it, as in `self.items = …` and `foreach="items"`'
    message = "foreach takes the name of an artifact, written as a string"
    return _fault(method, codes.FOREACH_NAME, message, keyword.value, hint)


def _read_steps(method: Method, call: ast.Call, mentions: tuple[tuple[str, Span], ...]) -> Leaving:
    names = [name for name, _ in mentions]
    for index, (name, span) in enumerate(mentions):
        if name in names[:index]:
            fault = Diagnostic(
                code=codes.DUPLICATE_BRANCH,
                message=f"step '{method.name}' names the branch {listed([name])} twice",
                span=span,
                hint="name each branch once; to run a step several times, use a foreach",
            )
            return Leaving(None, mentions, fault)
    if len(names) == 1:
        return Leaving(Goto(target=names[0]), mentions)
    return Leaving(Branch(targets=tuple(names)), mentions)


def _fault(method: Method, code: str, message: str, at: ast.expr | ast.keyword | None, hint: str | None) -> Leaving:
    return Leaving(None, fault=_diagnostic(method, code, message, at, hint))


def _diagnostic(
    method: Method, code: str, message: str, at: ast.expr | ast.keyword | None, hint: str | None
) -> Diagnostic:
    span = method.where if at is None else method.source.span(at)
    return Diagnostic(code=code, message=message, span=span, hint=hint)
