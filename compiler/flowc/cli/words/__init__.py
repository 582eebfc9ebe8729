"""Interprets the arguments of a command line, and makes the errors about wrong arguments."""
