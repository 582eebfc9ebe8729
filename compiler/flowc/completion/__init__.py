"""Tab completion from a table of all commands and options, without click and without the commands' modules."""
