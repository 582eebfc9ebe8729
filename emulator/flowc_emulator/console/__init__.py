"""What a run shows: lines, the progress line, JSON."""
