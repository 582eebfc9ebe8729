"""Libraries that Metaflow carries a copy of, and that programs import from there."""
