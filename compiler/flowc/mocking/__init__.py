"""Runs in which patches replace the code of steps: the patches of a command line or a program, and pytest's fixture."""
