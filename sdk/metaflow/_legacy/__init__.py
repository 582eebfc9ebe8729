"""Decorators of extensions in Metaflow's older form: classes with hooks, which derive from `StepDecorator` or
`FlowDecorator` of `metaflow.decorators` and are named in `STEP_DECORATORS_DESC` or `FLOW_DECORATORS_DESC`.

The use of an extension's decorator is recorded in the same way as the use of a built-in decorator. The front end copies
the recorded decorators and their attributes into the IR. The decorator objects, which have the hooks, are created from
the IR: once when a flow is compiled or started, and once in every pod.
"""
