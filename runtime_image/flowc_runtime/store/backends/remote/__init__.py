"""Stores in buckets: the requests, the client and its errors."""
