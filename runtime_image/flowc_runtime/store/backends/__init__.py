"""Backends of the store (a directory, a bucket, memory), and code that reads, checks and moves their objects."""
