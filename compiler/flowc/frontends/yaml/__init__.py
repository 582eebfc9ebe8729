"""The front end for pipelines in YAML files, which become objects of `flowc.pipeline` with their lines in the file."""
