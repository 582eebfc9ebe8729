"""A run on this machine: what happens before its first task and after its last."""
