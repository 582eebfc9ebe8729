"""Checking a store, and deleting from it what no run refers to."""
