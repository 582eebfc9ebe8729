"""The output of a run: lines, the progress line, JSON."""
