"""Packages that flows need, as the files of packaging tools name them."""
