"""Parsers of the files in which packaging tools list a project's packages."""
