"""Run one attempt in a process: start the process, read its output, end the process, and end the programs that it
leaves running."""
