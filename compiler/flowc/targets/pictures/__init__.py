"""Pictures of flows, made from the IR alone: for Mermaid, for Graphviz, and as SVG. `docs/pictures.md` shows them."""
