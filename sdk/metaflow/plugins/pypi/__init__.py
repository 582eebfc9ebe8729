"""Parsers of the files in which packaging tools list packages."""
