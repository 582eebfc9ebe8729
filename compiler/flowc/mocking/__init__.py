"""Patches, which replace the code of steps in a run: from a command line or a program, and a fixture for pytest."""
