"""Programs in Metaflow's language, proven to be that: `make compat` runs them under Metaflow too and compares."""
