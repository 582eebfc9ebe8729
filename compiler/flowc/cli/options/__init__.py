"""Options of commands, and the values that they, files and the environment give."""
