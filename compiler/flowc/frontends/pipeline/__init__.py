"""The front end for pipelines (`flowc.pipeline`), functions, and whatever else is described as a list of steps."""
