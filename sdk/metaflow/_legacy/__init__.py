"""Decorators of extensions in Metaflow's older form: classes with hooks, which derive from `StepDecorator` or
`FlowDecorator` of `metaflow.decorators` and are named in `STEP_DECORATORS_DESC` or `FLOW_DECORATORS_DESC`.

Applied, they are written down as Metaflow's own are. The front end puts them into the IR with their attributes; of the
IR the objects are made whose hooks are called: once where a flow is compiled or started, once more in every pod.
"""
