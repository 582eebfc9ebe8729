"""Write the classes of the IR as JSON values, in the order of their fields. A field at its default is left out.

Generated from the classes of flowc_ir.model and flowc_ir.policies by `make generate`: do not edit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_ir.generated.policy_writer import (
    write_card,
    write_exit_hook,
    write_kubernetes,
    write_plugin,
    write_project,
    write_secret,
    write_step_files,
    write_trigger,
)
from flowc_ir.model import (
    Branch,
    End,
    Foreach,
    Function,
    Gang,
    Goto,
    Merge,
    Method,
    Notebook,
    Shell,
    Stub,
    Switch,
    assert_never,
)

if TYPE_CHECKING:
    from flowc_ir.json_text import Json
    from flowc_ir.model import (
        Action,
        Catch,
        Code,
        Config,
        Flow,
        LoopLimit,
        Node,
        Packages,
        Parameter,
        Reducer,
        Resources,
        Retry,
        Return,
        Schedule,
        Timeout,
        Transition,
    )


def write_code(value: Code) -> dict[str, Json]:
    data: dict[str, Json] = {"file": value.file}
    if value.name:
        data["name"] = value.name
    data["digest"] = value.digest
    return data


def write_return(value: Return) -> dict[str, Json]:
    return {"name": value.name, "kind": value.kind}


def write_function(value: Function) -> dict[str, Json]:
    data: dict[str, Json] = {"function": value.name, "module": value.module}
    if value.returns:
        data["returns"] = [write_return(each) for each in value.returns]
    if value.end_event:
        data["end_event"] = value.end_event
    return data


def write_notebook(value: Notebook) -> dict[str, Json]:
    data: dict[str, Json] = {"notebook": value.file}
    if value.returns:
        data["returns"] = [write_return(each) for each in value.returns]
    return data


def write_shell(value: Shell) -> dict[str, Json]:
    data: dict[str, Json] = {"shell": value.command}
    if value.returns:
        data["returns"] = [write_return(each) for each in value.returns]
    return data


def write_reducer(value: Reducer) -> dict[str, Json]:
    return {"name": value.name, "function": write_function(value.function)}


def write_action(value: Action) -> Json:
    match value:
        case Method():
            return {"method": value.name}
        case Function():
            return write_function(value)
        case Notebook():
            return write_notebook(value)
        case Shell():
            return write_shell(value)
        case Merge():
            return {"merge": [write_reducer(each) for each in value.reducers]}
        case Stub():
            return {"stub": True}
        case _:
            assert_never(value)


def write_foreach(value: Foreach) -> dict[str, Json]:
    data: dict[str, Json] = {"foreach": value.over, "body": value.body}
    if value.item:
        data["item"] = value.item
    return data


def write_loop_limit(value: LoopLimit) -> dict[str, Json]:
    data: dict[str, Json] = {"iterations": value.iterations}
    if value.index:
        data["index"] = value.index
    return data


def write_switch(value: Switch) -> dict[str, Json]:
    data: dict[str, Json] = {"switch": value.condition, "arms": [[*each] for each in value.arms]}
    if value.default is not None:
        data["default"] = value.default
    if value.loop is not None:
        data["loop"] = write_loop_limit(value.loop)
    return data


def write_transition(value: Transition) -> Json:
    match value:
        case End():
            return None
        case Goto():
            return value.target
        case Branch():
            return [*value.targets]
        case Foreach():
            return write_foreach(value)
        case Gang():
            return {"gang": value.body}
        case Switch():
            return write_switch(value)
        case _:
            assert_never(value)


def write_retry(value: Retry) -> dict[str, Json]:
    data: dict[str, Json] = {"times": value.times}
    if value.wait_seconds != 0:
        data["wait_seconds"] = value.wait_seconds
    return data


def write_catch(value: Catch) -> dict[str, Json]:
    data: dict[str, Json] = {}
    if value.var is not None:
        data["var"] = value.var
    if not value.print_exception:
        data["print_exception"] = value.print_exception
    return data


def write_timeout(value: Timeout) -> dict[str, Json]:
    return {"seconds": value.seconds}


def write_resources(value: Resources) -> dict[str, Json]:
    data: dict[str, Json] = {}
    if value.cpu is not None:
        data["cpu"] = value.cpu
    if value.memory is not None:
        data["memory"] = value.memory
    if value.gpu is not None:
        data["gpu"] = value.gpu
    if value.disk is not None:
        data["disk"] = value.disk
    if value.shared_memory is not None:
        data["shared_memory"] = value.shared_memory
    if value.assumed:
        data["assumed"] = [*value.assumed]
    return data


def write_packages(value: Packages) -> dict[str, Json]:
    data: dict[str, Json] = {}
    if value.python is not None:
        data["python"] = value.python
    if value.pypi:
        data["pypi"] = dict(value.pypi)
    if value.conda:
        data["conda"] = dict(value.conda)
    if value.disabled:
        data["disabled"] = value.disabled
    return data


def write_node(value: Node) -> dict[str, Json]:
    data: dict[str, Json] = {
        "id": value.id,
        "where": str(value.where),
        "run": write_action(value.run),
        "next": write_transition(value.next),
    }
    if value.joins is not None:
        data["joins"] = value.joins
    if value.doc:
        data["doc"] = value.doc
    if value.retry is not None:
        data["retry"] = write_retry(value.retry)
    if value.catch is not None:
        data["catch"] = write_catch(value.catch)
    if value.timeout is not None:
        data["timeout"] = write_timeout(value.timeout)
    if value.resources is not None:
        data["resources"] = write_resources(value.resources)
    if value.environment:
        data["environment"] = dict(value.environment)
    if value.kubernetes is not None:
        data["kubernetes"] = write_kubernetes(value.kubernetes)
    if value.secrets:
        data["secrets"] = [write_secret(each) for each in value.secrets]
    if value.cards:
        data["cards"] = [write_card(each) for each in value.cards]
    if value.packages is not None:
        data["packages"] = write_packages(value.packages)
    if value.cache is not None:
        data["cache"] = value.cache
    if value.plugins:
        data["plugins"] = [write_plugin(each) for each in value.plugins]
    if value.info is not None:
        data["info"] = value.info
    if value.elsewhere:
        data["elsewhere"] = [*value.elsewhere]
    if value.files is not None:
        data["files"] = write_step_files(value.files)
    if value.override:
        data["override"] = value.override
    return data


def write_parameter(value: Parameter) -> dict[str, Json]:
    data: dict[str, Json] = {"name": value.name, "type": value.type, "where": str(value.where)}
    if value.default is not None:
        data["default"] = value.default
    if value.computed:
        data["computed"] = value.computed
    if value.required:
        data["required"] = value.required
    if value.help:
        data["help"] = value.help
    if value.multiple:
        data["multiple"] = value.multiple
    if value.separator is not None:
        data["separator"] = value.separator
    if value.choices:
        data["choices"] = [*value.choices]
    if value.minimum is not None:
        data["minimum"] = value.minimum
    if value.maximum is not None:
        data["maximum"] = value.maximum
    if value.flag:
        data["flag"] = value.flag
    if value.hidden:
        data["hidden"] = value.hidden
    if value.encoding is not None:
        data["encoding"] = value.encoding
    if value.attribute:
        data["attribute"] = value.attribute
    if value.converted:
        data["converted"] = value.converted
    return data


def write_config(value: Config) -> dict[str, Json]:
    data: dict[str, Json] = {"name": value.name, "where": str(value.where)}
    if value.value is not None:
        data["value"] = value.value
    if value.attribute:
        data["attribute"] = value.attribute
    if value.exact:
        data["exact"] = value.exact
    return data


def write_schedule(value: Schedule) -> dict[str, Json]:
    data: dict[str, Json] = {"crons": [*value.crons], "where": str(value.where)}
    if value.timezone is not None:
        data["timezone"] = value.timezone
    return data


def write_flow(value: Flow) -> dict[str, Json]:
    data: dict[str, Json] = {
        "name": value.name,
        "code": write_code(value.code),
        "where": str(value.where),
        "start": value.start,
        "nodes": [write_node(each) for each in value.nodes],
    }
    if value.parameters:
        data["parameters"] = [write_parameter(each) for each in value.parameters]
    if value.configs:
        data["configs"] = [write_config(each) for each in value.configs]
    if value.schedule is not None:
        data["schedule"] = write_schedule(value.schedule)
    if value.doc:
        data["doc"] = value.doc
    if value.project is not None:
        data["project"] = write_project(value.project)
    if value.triggers:
        data["triggers"] = [write_trigger(each) for each in value.triggers]
    if value.exit_hooks:
        data["exit_hooks"] = [write_exit_hook(each) for each in value.exit_hooks]
    if value.with_decorators:
        data["with_decorators"] = dict(value.with_decorators)
    if value.plugins:
        data["plugins"] = [write_plugin(each) for each in value.plugins]
    if value.elsewhere:
        data["elsewhere"] = [*value.elsewhere]
    return data
