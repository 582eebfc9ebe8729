"""Reads the models of the installed Hera without pydantic. Importing pydantic and making its classes would take ten
times as long (ADR 34)."""
