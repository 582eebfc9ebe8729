"""What flows beside this package import."""
