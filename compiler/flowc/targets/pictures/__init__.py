"""Pictures of flows for Mermaid, for Graphviz and as SVG, made from the IR alone (examples in docs/pictures.md)."""
