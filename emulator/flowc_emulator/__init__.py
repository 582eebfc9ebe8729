"""The emulator: runs the IR on this machine, a forked process per attempt, with the runtime that pods run."""
