"""A package that the flows beside it import."""
