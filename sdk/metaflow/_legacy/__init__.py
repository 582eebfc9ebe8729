"""Decorators of extensions in Metaflow's older form: classes with hooks, which derive from `StepDecorator` or
`FlowDecorator` of `metaflow.decorators` and are named in `STEP_DECORATORS_DESC` or `FLOW_DECORATORS_DESC`.

They are recorded like built-in decorators. The front end puts them into the IR with their attributes. Objects with the
hooks are created from the IR: once when a flow is compiled or started, and once in every pod.
"""
