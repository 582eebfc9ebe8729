"""A run on this machine: what is done before the first task and after the last task."""
