"""Functions for flows on a live cluster: they apply the flows' manifests, and start, watch and end runs.

Only the module `api` talks to Kubernetes; it imports the Python client of Kubernetes at first use. The other modules
work on objects as the API server sends them, so that tests need no server. No module here reads a command line or
prints.
"""
