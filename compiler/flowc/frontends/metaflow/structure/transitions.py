"""Read the transition of a step from the `self.next(...)` that ends its body."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from flowc.frontends.metaflow.structure.leaving import Leaving, fault_of, step_named
from flowc.frontends.reserved_names import listed
from flowc_ir import Branch, End, Foreach, Gang, Goto, codes
from flowc_ir.late import LateFunction
from flowc_ir.suggestion import suggest

if TYPE_CHECKING:
    from flowc.frontends.metaflow.structure.constants import text_of
    from flowc.frontends.metaflow.structure.steps import Members, StepMethod
    from flowc.frontends.metaflow.structure.switches import read_switch
    from flowc_ir import Span
else:  # imported at first use, because the import costs start-up time
    read_switch = LateFunction("flowc.frontends.metaflow.structure.switches:read_switch")
    text_of = LateFunction("flowc.frontends.metaflow.structure.constants:text_of")

_EXAMPLE = "self.next(self.train)"


def leaving(method: StepMethod, members: Members, *, is_end: bool) -> Leaving:
    """Read the transition of a step; if this fails, the result has one fault.

    Args:
        method: the step.
        members: the attributes of the flow's class.
        is_end: whether the step is the flow's last.
    """
    calls = _next_calls(method)
    if is_end:
        return _leaving_end(method, calls)
    last = method.tree.body[-1]
    match last:
        case ast.Expr(value=ast.Call() as call) if _is_next(method, call):
            if len(calls) > 1:
                extra = next(other for other in calls if other is not call)
                message = f"step '{method.name}' calls self.next more than once"
                hint, also = "call it once, as the step's last statement", ((method.source.span(call), "the last one"),)
                return fault_of(method, codes.SEVERAL_NEXTS, message, extra, hint, also)
            return _read(method, members, call)
    if calls:
        return _not_last(method, calls)
    return fault_of(
        method,
        codes.MISSING_NEXT,
        f"step '{method.name}' does not call self.next",
        None,
        "end it with `self.next(self.STEP)`, where STEP is the step that follows; only the step 'end', or one with "
        "@step(end=True), ends a flow",
    )


def _leaving_end(method: StepMethod, calls: list[ast.Call]) -> Leaving:
    if not calls:
        return Leaving(End())
    message = f"step '{method.name}' calls self.next, but the flow ends there"
    hint = "remove this call, or rename the step"
    return fault_of(method, codes.END_WITH_NEXT, message, calls[0], hint, next_=End())


def _next_calls(method: StepMethod) -> list[ast.Call]:
    calls = [call for call in method.nodes.of(ast.Call) if _is_next(method, call)]
    return sorted(calls, key=lambda call: (call.lineno, call.col_offset))


def _is_next(method: StepMethod, call: ast.Call) -> bool:
    return method.attribute(call.func) == "next"


def _not_last(method: StepMethod, calls: list[ast.Call]) -> Leaving:
    """Return the fault of a step in which `self.next` is not the last statement."""
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
            hint = 'call it once, as the last statement; for one task per item write foreach="…"'
        case ast.Return() | ast.Assign():
            hint = "write it as a separate statement, without `return` or `=`"
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            message = f"step '{method.name}' calls self.next in a function inside it"
    return fault_of(method, codes.NEXT_NOT_LAST, message, call, hint)


_ARGUMENTS = ("foreach", "num_parallel", "condition")


def _read(method: StepMethod, members: Members, call: ast.Call) -> Leaving:
    keywords = {keyword.arg: keyword for keyword in call.keywords}
    for name, keyword in keywords.items():
        if name not in _ARGUMENTS:
            message = f"self.next has no argument '{name or '**'}'"
            hint = suggest(name, _ARGUMENTS, f"it takes steps, and {'=, '.join(_ARGUMENTS)}=")
            return fault_of(method, codes.NEXT_ARGUMENT, message, keyword, hint)
    if len(keywords) > 1:
        message = f"step '{method.name}' gives self.next two of foreach=, num_parallel=, condition="
        hint = "keep one of them, and do the other in the next step"
        return fault_of(method, codes.NEXT_ARGUMENT, message, call.keywords[1], hint)
    match call.args:
        case [ast.Dict() as cases]:
            return read_switch(method, call, cases, keywords.get("condition"))
    if "condition" in keywords:
        hint = 'write `self.next({"x": self.a, "y": self.b}, condition="choice")`'
        message = f"step '{method.name}' gives self.next a condition, but no choices"
        return fault_of(method, codes.NEXT_ARGUMENT, message, keywords["condition"], hint)
    mentions: list[tuple[str, Span]] = []
    for argument in call.args:
        step = step_named(method, argument)
        if step is None:
            return _bad_argument(method, argument)
        mentions.append(step)
    if not mentions:
        return fault_of(method, codes.NEXT_ARGUMENT, f"step '{method.name}' calls self.next without a step", call,
                      f"name what comes next, as in `{_EXAMPLE}`")  # fmt: skip
    if keywords:
        return _read_fan_out(method, members, call, tuple(mentions))
    return _read_steps(method, call, tuple(mentions))


def _bad_argument(method: StepMethod, argument: ast.expr) -> Leaving:
    match argument:
        case ast.Dict():
            hint = "a switch is one dict, and has no other argument than condition="
        case ast.Constant(value=str(text)) if text.isidentifier():
            hint = f"write `{method.self_name}.{text}`"
        case ast.Name(id=name):
            hint = f"write `{method.self_name}.{name}`"
        case ast.Call(func=ast.Attribute(attr=name)):
            hint = f"name the step without calling it: `{method.self_name}.{name}`"
        case _:
            hint = f"name each step directly, as in `{_EXAMPLE}`: the graph is read without running the step"
    message = f"step '{method.name}' gives self.next something that is not a step's name"
    return fault_of(method, codes.NEXT_ARGUMENT, message, argument, hint)


def _read_fan_out(
    method: StepMethod, members: Members, call: ast.Call, mentions: tuple[tuple[str, Span], ...]
) -> Leaving:
    keyword = call.keywords[0]
    body, *others = [name for name, _ in mentions]
    if others:
        what = "foreach" if keyword.arg == "foreach" else "gang"
        return fault_of(method, codes.FOREACH_TWO_STEPS, f"step '{method.name}' opens a {what} over several steps",
                      call.args[1], f"lead the {what} to one step, and branch from there")  # fmt: skip
    if keyword.arg == "num_parallel":
        return Leaving(Gang(body=body), mentions)
    over = text_of(method, members, keyword.value)
    if over is not None and over.isidentifier():
        return Leaving(Foreach(over=over, body=body), mentions)
    match keyword.value:
        case ast.Attribute(attr=name) if method.attribute(keyword.value):
            hint = f'write `foreach="{name}"`'
        case ast.Name(id=name):
            hint = f'assign the list to self.{name} and write `foreach="{name}"`'
        case _:
            hint = 'assign the list to an artifact and name it, as in `self.items = …` and `foreach="items"`'
    message = "foreach takes the name of an artifact: a string, or a constant of the module or the class"
    return fault_of(method, codes.FOREACH_NAME, message, keyword.value, hint)


def _read_steps(method: StepMethod, call: ast.Call, mentions: tuple[tuple[str, Span], ...]) -> Leaving:
    names = [name for name, _ in mentions]
    for index, name in enumerate(names):
        if name in names[:index]:
            message = f"step '{method.name}' names the branch {listed([name])} twice"
            hint = "name each branch once; to run a step several times, use a foreach"
            also = ((mentions[names.index(name)][1], "named here already"),)
            again = call.args[index]
            return fault_of(method, codes.DUPLICATE_BRANCH, message, again, hint, also, mentions=mentions)
    if len(names) == 1:
        return Leaving(Goto(target=names[0]), mentions)
    return Leaving(Branch(targets=tuple(names)), mentions)
