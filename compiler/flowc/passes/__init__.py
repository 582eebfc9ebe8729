"""The passes, IR to IR: each pass is a module named after its function; `pipeline` lists and runs them in order.

A pass takes a valid flow and a `Context`. A rewrite returns a new valid flow; a check (`check_*`) returns diagnostics.
`naming` is not a pass: targets use it to make names.
"""
