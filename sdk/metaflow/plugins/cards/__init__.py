"""Cards: reports that tasks produce. Flows import the names of `metaflow.cards`."""
