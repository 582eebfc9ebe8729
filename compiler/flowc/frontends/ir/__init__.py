"""The IR as an input, with its code."""
