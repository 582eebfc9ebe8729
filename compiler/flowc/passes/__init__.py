"""The passes, which check or rewrite the IR. Each module is named after its pass; `pipeline` runs the passes in order.

A pass takes a valid flow and a `Context`. A rewrite returns a new valid flow; a check (`check_*`) returns diagnostics.
`naming` is not a pass: targets use it to make names.
"""
