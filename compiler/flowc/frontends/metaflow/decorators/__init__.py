"""Read the decorators of steps and flows into fields of the IR's nodes and flows."""
