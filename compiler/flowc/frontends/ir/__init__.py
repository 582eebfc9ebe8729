"""The front end for an IR with its code."""
