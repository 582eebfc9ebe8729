"""Configurations of a flow: `Config`, `ConfigValue`, `config_expr`."""
