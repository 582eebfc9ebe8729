"""Reads the models of the installed Hera without pydantic, whose import and classes take ten times as long (ADR 34)."""
