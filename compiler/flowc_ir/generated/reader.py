"""Read the classes of the IR from JSON values. A wrong value raises `SchemaError`, which names its place.

Generated from the classes of flowc_ir.model and flowc_ir.policies by `make generate`: do not edit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_ir.generated.policy_reader import (
    read_card,
    read_exit_hook,
    read_kubernetes,
    read_plugin,
    read_project,
    read_secret,
    read_step_files,
    read_trigger,
)
from flowc_ir.model import (
    Branch,
    Catch,
    Code,
    Config,
    End,
    Flow,
    Foreach,
    Function,
    Gang,
    Goto,
    LoopLimit,
    Merge,
    Method,
    Node,
    Notebook,
    Packages,
    Parameter,
    Reducer,
    Resources,
    Retry,
    Return,
    Schedule,
    Shell,
    Stub,
    Switch,
    Timeout,
)
from flowc_ir.reading import (
    distinct,
    flag,
    items,
    number,
    optional,
    optional_items,
    pairs,
    record,
    row,
    scalar,
    span,
    text,
    true,
    word,
)
from flowc_ir.versions import SchemaError

if TYPE_CHECKING:
    from flowc_ir.model import Action, Choice, Transition


def read_code(value: object, at: str) -> Code:
    data = record(value, at, Code.__slots__, ("file", "digest"))
    return Code(
        file=text(data["file"], f"{at}.file"),
        name=optional(data, "name", at, text, ""),
        digest=text(data["digest"], f"{at}.digest"),
    )


def read_method(value: object, at: str) -> Method:
    data = record(value, at, ("method",), ("method",))
    return Method(name=text(data["method"], f"{at}.method"))


def read_return(value: object, at: str) -> Return:
    data = record(value, at, Return.__slots__, ("name", "kind"))
    return Return(
        name=text(data["name"], f"{at}.name"),
        kind=word(data["kind"], f"{at}.kind", ("json", "pickled", "metric")),
    )


def read_function(value: object, at: str) -> Function:
    data = record(value, at, ("function", "module", "returns", "end_event"), ("function", "module"))
    return Function(
        name=text(data["function"], f"{at}.function"),
        module=text(data["module"], f"{at}.module"),
        returns=optional_items(data, "returns", at, read_return),
        end_event=optional(data, "end_event", at, text, ""),
    )


def read_notebook(value: object, at: str) -> Notebook:
    data = record(value, at, ("notebook", "returns"), ("notebook",))
    return Notebook(
        file=text(data["notebook"], f"{at}.notebook"),
        returns=optional_items(data, "returns", at, read_return),
    )


def read_shell(value: object, at: str) -> Shell:
    data = record(value, at, ("shell", "returns"), ("shell",))
    return Shell(command=text(data["shell"], f"{at}.shell"), returns=optional_items(data, "returns", at, read_return))


def read_reducer(value: object, at: str) -> Reducer:
    data = record(value, at, Reducer.__slots__, ("name", "function"))
    return Reducer(
        name=text(data["name"], f"{at}.name"),
        function=read_function(data["function"], f"{at}.function"),
    )


def read_merge(value: object, at: str) -> Merge:
    data = record(value, at, ("merge",), ("merge",))
    return Merge(reducers=items(data["merge"], f"{at}.merge", read_reducer))


def read_stub(value: object, at: str) -> Stub:
    data = record(value, at, ("stub",), ("stub",))
    true(data["stub"], f"{at}.stub")
    return Stub()


def read_action(value: object, at: str) -> Action:
    if type(value) is dict:
        if "method" in value:
            return read_method(value, at)
        if "function" in value:
            return read_function(value, at)
        if "notebook" in value:
            return read_notebook(value, at)
        if "shell" in value:
            return read_shell(value, at)
        if "merge" in value:
            return read_merge(value, at)
        if "stub" in value:
            return read_stub(value, at)
    raise SchemaError(
        f"{at}: an object "
        "with 'method', with 'function' and 'module', with 'notebook', with 'shell', with 'merge', or with 'stub': true"
    )


def read_foreach(value: object, at: str) -> Foreach:
    data = record(value, at, ("foreach", "body", "item"), ("foreach", "body"))
    return Foreach(
        over=text(data["foreach"], f"{at}.foreach"),
        body=text(data["body"], f"{at}.body"),
        item=optional(data, "item", at, text, ""),
    )


def read_gang(value: object, at: str) -> Gang:
    data = record(value, at, ("gang",), ("gang",))
    return Gang(body=text(data["gang"], f"{at}.gang"))


def read_loop_limit(value: object, at: str) -> LoopLimit:
    data = record(value, at, LoopLimit.__slots__, ("iterations",))
    return LoopLimit(
        iterations=number(data["iterations"], f"{at}.iterations"),
        index=optional(data, "index", at, text, ""),
    )


def _switch_arms(value: object, at: str) -> tuple[Choice, str]:
    a, b = row(value, at, 2)
    return scalar(a, f"{at}[0]"), text(b, f"{at}[1]")


def read_switch(value: object, at: str) -> Switch:
    data = record(value, at, ("switch", "arms", "default", "loop"), ("switch", "arms"))
    return Switch(
        condition=text(data["switch"], f"{at}.switch"),
        arms=items(data["arms"], f"{at}.arms", _switch_arms, 1),
        default=optional(data, "default", at, text, None),
        loop=optional(data, "loop", at, read_loop_limit, None),
    )


def read_transition(value: object, at: str) -> Transition:
    if value is None:
        return End()
    if type(value) is str:
        return Goto(target=value)
    if type(value) is list:
        return Branch(targets=distinct(items(value, at, text, 2), at))
    if type(value) is dict:
        if "foreach" in value:
            return read_foreach(value, at)
        if "gang" in value:
            return read_gang(value, at)
        if "switch" in value:
            return read_switch(value, at)
    raise SchemaError(
        f"{at}: null, a string, a list, or an object "
        "with 'foreach' and 'body', with 'gang', or with 'switch' and 'arms'"
    )


def read_retry(value: object, at: str) -> Retry:
    data = record(value, at, Retry.__slots__, ("times",))
    return Retry(
        times=number(data["times"], f"{at}.times"),
        wait_seconds=optional(data, "wait_seconds", at, number, 0),
    )


def read_catch(value: object, at: str) -> Catch:
    data = record(value, at, Catch.__slots__, ())
    return Catch(
        var=optional(data, "var", at, text, None),
        print_exception=optional(data, "print_exception", at, flag, True),
    )


def read_timeout(value: object, at: str) -> Timeout:
    data = record(value, at, Timeout.__slots__, ("seconds",))
    return Timeout(
        seconds=number(data["seconds"], f"{at}.seconds"),
    )


def read_resources(value: object, at: str) -> Resources:
    data = record(value, at, Resources.__slots__, ())
    return Resources(
        cpu=optional(data, "cpu", at, text, None),
        memory=optional(data, "memory", at, number, None),
        gpu=optional(data, "gpu", at, number, None),
        disk=optional(data, "disk", at, number, None),
        shared_memory=optional(data, "shared_memory", at, number, None),
        assumed=optional_items(data, "assumed", at, text),
    )


def read_packages(value: object, at: str) -> Packages:
    data = record(value, at, Packages.__slots__, ())
    return Packages(
        python=optional(data, "python", at, text, None),
        pypi=optional(data, "pypi", at, pairs, ()),
        conda=optional(data, "conda", at, pairs, ()),
        disabled=optional(data, "disabled", at, flag, False),
    )


def read_node(value: object, at: str) -> Node:
    data = record(value, at, Node.__slots__, ("id", "where", "run", "next"))
    return Node(
        id=text(data["id"], f"{at}.id"),
        where=span(data["where"], f"{at}.where"),
        run=read_action(data["run"], f"{at}.run"),
        next=read_transition(data["next"], f"{at}.next"),
        joins=optional(data, "joins", at, text, None),
        doc=optional(data, "doc", at, text, ""),
        retry=optional(data, "retry", at, read_retry, None),
        catch=optional(data, "catch", at, read_catch, None),
        timeout=optional(data, "timeout", at, read_timeout, None),
        resources=optional(data, "resources", at, read_resources, None),
        environment=optional(data, "environment", at, pairs, ()),
        kubernetes=optional(data, "kubernetes", at, read_kubernetes, None),
        secrets=optional_items(data, "secrets", at, read_secret),
        cards=optional_items(data, "cards", at, read_card),
        packages=optional(data, "packages", at, read_packages, None),
        cache=optional(data, "cache", at, text, None),
        plugins=optional_items(data, "plugins", at, read_plugin),
        info=optional(data, "info", at, text, None),
        elsewhere=optional_items(data, "elsewhere", at, text),
        files=optional(data, "files", at, read_step_files, None),
        override=optional(data, "override", at, text, ""),
    )


def read_parameter(value: object, at: str) -> Parameter:
    data = record(value, at, Parameter.__slots__, ("name", "type", "where"))
    return Parameter(
        name=text(data["name"], f"{at}.name"),
        type=word(data["type"], f"{at}.type", ("str", "int", "float", "bool", "json", "any", "file")),
        where=span(data["where"], f"{at}.where"),
        default=optional(data, "default", at, text, None),
        computed=optional(data, "computed", at, flag, False),
        required=optional(data, "required", at, flag, False),
        help=optional(data, "help", at, text, ""),
        multiple=optional(data, "multiple", at, flag, False),
        separator=optional(data, "separator", at, text, None),
        choices=optional_items(data, "choices", at, text),
        minimum=optional(data, "minimum", at, text, None),
        maximum=optional(data, "maximum", at, text, None),
        flag=optional(data, "flag", at, flag, False),
        hidden=optional(data, "hidden", at, flag, False),
        encoding=optional(data, "encoding", at, text, None),
        attribute=optional(data, "attribute", at, text, ""),
        converted=optional(data, "converted", at, flag, False),
    )


def read_config(value: object, at: str) -> Config:
    data = record(value, at, Config.__slots__, ("name", "where"))
    return Config(
        name=text(data["name"], f"{at}.name"),
        where=span(data["where"], f"{at}.where"),
        value=optional(data, "value", at, text, None),
        attribute=optional(data, "attribute", at, text, ""),
        exact=optional(data, "exact", at, text, ""),
    )


def read_schedule(value: object, at: str) -> Schedule:
    data = record(value, at, Schedule.__slots__, ("crons", "where"))
    return Schedule(
        crons=items(data["crons"], f"{at}.crons", text, 1),
        where=span(data["where"], f"{at}.where"),
        timezone=optional(data, "timezone", at, text, None),
    )


def read_flow(value: object, at: str) -> Flow:
    data = record(value, at, Flow.__slots__, ("name", "code", "where", "start", "nodes"))
    return Flow(
        name=text(data["name"], f"{at}.name"),
        code=read_code(data["code"], f"{at}.code"),
        where=span(data["where"], f"{at}.where"),
        start=text(data["start"], f"{at}.start"),
        nodes=items(data["nodes"], f"{at}.nodes", read_node, 1),
        parameters=optional_items(data, "parameters", at, read_parameter),
        configs=optional_items(data, "configs", at, read_config),
        schedule=optional(data, "schedule", at, read_schedule, None),
        doc=optional(data, "doc", at, text, ""),
        project=optional(data, "project", at, read_project, None),
        triggers=optional_items(data, "triggers", at, read_trigger),
        exit_hooks=optional_items(data, "exit_hooks", at, read_exit_hook),
        with_decorators=optional(data, "with_decorators", at, pairs, ()),
        plugins=optional_items(data, "plugins", at, read_plugin),
        elsewhere=optional_items(data, "elsewhere", at, text),
    )
