"""The front end for pipelines (`flowc.pipeline`), functions, and other formats that describe a list of steps."""
