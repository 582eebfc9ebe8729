"""Flows on a live cluster: applying their manifests, starting, watching and ending their runs.

`api` is the one module that talks to Kubernetes, and the only importer of its client, lazily. All others work on
objects as the API server sends them, so that they are tested without one. Nothing here reads a command line or prints.
"""
