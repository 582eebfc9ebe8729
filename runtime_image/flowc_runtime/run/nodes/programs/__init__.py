"""Runs steps that are shell commands or notebooks: they are executed in child processes of their tasks."""
