"""The process of one attempt: its start, its output, its end, and child processes that it leaves behind."""
