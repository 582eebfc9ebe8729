"""User-written decorators: wrappers of a step's code, and mutators that change a flow before it is compiled or run."""
