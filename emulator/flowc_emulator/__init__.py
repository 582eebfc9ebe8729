"""Run the IR of a flow on this machine (the emulator): each attempt of a task is a process with the runtime code of a
pod."""
