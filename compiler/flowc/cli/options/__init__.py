"""The options of commands, and values from the command line, files and the environment."""
