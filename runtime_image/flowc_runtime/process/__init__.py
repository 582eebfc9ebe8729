"""The process of one attempt: its start, its output, its leftover child processes, its end."""
