"""Running flows from a program."""
