"""Commands about flows and runs on a cluster."""
