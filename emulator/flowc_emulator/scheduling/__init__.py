"""Which task comes next, and how many run at once: no clock, no process."""
