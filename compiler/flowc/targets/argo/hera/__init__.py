"""Reads the models of the installed Hera without pydantic. To import pydantic and to make its classes would take ten
times as long as this reading (ADR 34)."""
