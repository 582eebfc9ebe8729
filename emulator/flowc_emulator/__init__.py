"""The emulator: runs the IR on this machine, one process per attempt, with the same runtime code as a pod."""
