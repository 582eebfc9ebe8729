"""The measured pipelines as attributes of a module, so that flowc's command line can name them:
`made_pipelines.py:ten`."""

from pipelines import make  # type: ignore[import-not-found] # pipelines.py is beside this file

import flowc.pipeline

ten, _ = make(flowc.pipeline, "chain", 10)
fifty, _ = make(flowc.pipeline, "chain", 50)
