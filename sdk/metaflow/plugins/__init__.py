"""What Metaflow calls plugins: modules that programs import by name, and that extensions add to or replace."""
