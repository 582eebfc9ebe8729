"""The process of one attempt: its start, its output, what it leaves running, its end."""
