"""The commands of a flow's file, under Metaflow's module names."""
