"""Libraries that Metaflow bundles. Programs can import them under the names of Metaflow's bundled copies."""
