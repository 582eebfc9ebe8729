"""A run on this machine: the work before its first task and after its last one."""
