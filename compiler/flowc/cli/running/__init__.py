"""The parts of a run on this machine that precede the first task or follow the last task."""
