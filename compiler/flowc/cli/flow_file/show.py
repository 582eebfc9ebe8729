"""Commands of `python flow.py` that describe the flow: `show`, `output-dot`, `output-raw`, `version`, `help`."""

from __future__ import annotations

from html import escape
from textwrap import indent
from typing import TYPE_CHECKING

import click

from flowc import __version__
from flowc.cli.flow_file.common import tell
from flowc.cli.options.loading import load_flow
from flowc_ir import json_text, targets
from flowc_runtime.base.index import Graph
from flowc_runtime.run.graph_info import decorators, graph_info, in_order, step_info, step_type

if TYPE_CHECKING:
    from flowc_ir import Node


def _graph(ctx: click.Context) -> Graph:
    return Graph(load_flow(ctx, None, data=True).flow)


@click.command("show", help="Show the steps of the flow with their decorators, docstrings and next steps.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def show_command(ctx: click.Context, as_json: bool) -> None:
    """Print the steps on stdout, and the flow's docstring on stderr."""
    graph = _graph(ctx)
    if as_json:
        steps = [
            {"step": node.id, "doc": node.doc, "decorators": [name for name, _ in decorators(node)],
             "next": list(targets(node.next))}
            for node in in_order(graph)
        ]  # fmt: skip
        click.echo(json_text.shown({"flow": graph.flow.name, "doc": graph.flow.doc, "steps": steps}, indent=2))
        return
    if graph.flow.doc:
        tell(f"\n{graph.flow.doc}\n")
    for node in in_order(graph):
        for name, _ in decorators(node):
            click.echo(f"@{name}")
        click.echo(f"Step {node.id}")
        click.echo(indent(node.doc or "?", "    "))
        if after := targets(node.next):
            click.echo(f"    => {', '.join(after)}")


# -- the graph ---------------------------------------------------------------------------------------------------------


@click.command("output-dot", help="Print the graph in the language of Graphviz: pipe it to `dot -Tpng -o graph.png`.")
@click.pass_context
def output_dot_command(ctx: click.Context) -> None:
    """Print the flow's graph in the language of Graphviz."""
    graph = _graph(ctx)
    tell("Visualizing the flow as a GraphViz graph")
    nodes = sorted(graph.flow.nodes, key=lambda node: node.id)
    click.echo(f"digraph {graph.flow.name} {{")
    for node in nodes:
        click.echo(_dot_node(graph, node))
    for node in nodes:
        cases = _cases(node)
        for target in targets(node.next):
            label = ", ".join(case for case, to in cases if to == target)
            style = f' [label="{_quoted(label)}" color="blue" fontcolor="blue"]' if cases else ""
            click.echo(f"{node.id} -> {target}{style};")
    click.echo("}")


def _dot_node(graph: Graph, node: Node) -> str:
    condition = getattr(node.next, "condition", None)
    if condition is None:
        label = f'<<b>{node.id}</b> | <font point-size="10">{_short_type(graph, node)}</font>>'
        look = 'shape = "record"'
    else:
        label = f'<<b>{node.id}</b><br/><font point-size="9">switch: {escape(condition)}</font>>'
        look = 'shape = "hexagon"   style = "filled" fillcolor = "lightgreen"'
    return f'"{node.id}"[ label = {label}   fontname = "Helvetica"   {look} ];'


def _cases(node: Node) -> list[tuple[str, str]]:
    """Return the cases of a switch, as pairs of the case's value and the next step, both as strings."""
    return [(str(case), target) for case, target in getattr(node.next, "arms", ())]


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _short_type(graph: Graph, node: Node) -> str:
    """Return the name of a step's type in Metaflow's graph: `split`, `foreach`, `join`, …"""
    kind = step_type(graph, node)
    return {"split-static": "split", "split-foreach": "foreach", "split-parallel": "foreach"}.get(kind, kind)


@click.command("output-raw", help="Print Metaflow's internal form of the graph, or JSON.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def output_raw_command(ctx: click.Context, as_json: bool) -> None:
    """Print Metaflow's internal form of the graph."""
    graph = _graph(ctx)
    tell(f"Internal representation of the flow{' in JSON format' if as_json else ''}:")
    if as_json:
        info = graph_info(graph.flow)
        shown = {"graph": info["steps"], "graph_structure": info["graph_structure"]}
        click.echo(json_text.shown(shown, indent=4, ensure_ascii=False, default=str))
        return
    for node in in_order(graph):
        _raw(graph, node)


def _raw(graph: Graph, node: Node) -> None:
    info = step_info(graph, node)
    closes = graph.join_of.get(node.id)
    lines: dict[str, object] = {
        "in_funcs": _names([before.id for before in graph.predecessors[node.id]]),
        "out_funcs": _names(info["next"]),
        "matching_join": _names([closes]) if closes else None,
        "is_inside_foreach": graph.foreach_of(node) is not None,
        "decorators": " | ".join(
            f"{name}<{' '.join(f'{key}={value}' for key, value in attributes.items())}>"
            for name, attributes in decorators(node)
        ),
        "num_args": 2 if node.joins else 1,
        "foreach_param": info.get("foreach_artifact"),
        "condition": info.get("condition"),
    }
    click.echo(f"[{node.id} {_short_type(graph, node)} ({node.where.file} line {node.where.line})]")
    for name, value in lines.items():
        click.echo(f"    {name}={value}")
    click.echo(f"    -> {_names(info['next'])}".rstrip())


def _names(names: list[str]) -> str:
    return ", ".join(f"[{name}]" for name in names)


# -- version and help -------------------------------------------------------------------------------------------------


@click.command("version", help="Print the version.")
def version_command() -> None:
    """Print flowc's version."""
    click.echo(f"flowc {__version__}")


@click.command("help", help="Show all commands and options.")
@click.pass_context
def help_command(ctx: click.Context) -> None:
    """Print the help of `python flow.py`, with all commands."""
    root = ctx.find_root()
    click.echo(root.get_help())
