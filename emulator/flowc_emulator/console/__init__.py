"""Show a run's output as text with a progress line, or as JSON lines."""
