"""Functions for flows on a live cluster: they apply the flows' manifests, and start, watch and end runs.

Only `api` talks to Kubernetes and imports its client, lazily. The other modules work on objects as the API server
sends them, so that tests need no server. No module here reads a command line or prints.
"""
