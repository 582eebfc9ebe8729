"""Running and deploying flows from a program."""
