"""Run one attempt in a process: start the process, read its output, end it, and end the programs that it leaves
behind."""
