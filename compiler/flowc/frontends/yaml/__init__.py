"""The front end for pipelines in YAML files: both forms become objects of `flowc.pipeline`, with their places."""
