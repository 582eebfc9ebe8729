"""Options that several commands share. Their values come from the command line, files and environment variables."""
