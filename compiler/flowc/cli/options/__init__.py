"""Options that several commands share. The options' values come from the command line, files and environment
variables."""
