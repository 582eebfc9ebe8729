"""Modules of Metaflow's that programs import by name."""
