"""The words of a command line: what each means, and what to type instead."""
