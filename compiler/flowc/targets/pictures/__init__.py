"""Pictures of flows for Mermaid, for Graphviz and as SVG. They are made from the IR alone. `docs/pictures.md` shows
examples."""
