"""IR to IR: each pass is a module that is named after its function; `pipeline` has their order and runs them.

A pass takes a flow without faults and a `Context`. A rewrite returns a new flow without faults, a check (`check_*`)
returns diagnostics. `naming` is no pass: targets make their names with it.
"""
