"""Flows on a live cluster: applies their manifests, starts, watches and ends their runs.

Only `api` talks to Kubernetes and imports its client, lazily. The other modules work on objects as the API server
sends them, so that tests need no server. No module here reads a command line or prints.
"""
