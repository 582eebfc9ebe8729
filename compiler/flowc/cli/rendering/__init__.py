"""The output of commands: errors, logs, cards, progress."""
