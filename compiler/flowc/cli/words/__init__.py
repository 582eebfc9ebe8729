"""The arguments of a command line: their meaning, and the errors about them."""
