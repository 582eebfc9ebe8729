"""IR to IR: each pass is a module, named after its function."""
