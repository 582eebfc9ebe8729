"""Libraries that Metaflow bundles a copy of, importable under the names that programs use for these copies."""
