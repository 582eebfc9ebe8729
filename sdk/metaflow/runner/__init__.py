"""Programs use these classes to run and deploy flows."""
