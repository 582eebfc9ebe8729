"""Programs for Metaflow's API: `make compat` runs them under flowc and Metaflow and compares."""
