"""Commands that take a flow: check, compile, run, resume, spin, debug."""
