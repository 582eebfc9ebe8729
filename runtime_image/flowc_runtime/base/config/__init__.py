"""Settings: their table, and their values from the environment and `flowc.toml`."""
