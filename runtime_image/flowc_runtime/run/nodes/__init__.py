"""Runs flows without a flow class: their steps are functions, notebooks and shell commands that the IR names."""
