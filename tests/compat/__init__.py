"""Programs that use Metaflow's API: `make compat` runs them under flowc and Metaflow and compares the results."""
