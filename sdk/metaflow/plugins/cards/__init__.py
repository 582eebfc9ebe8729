"""Cards: reports that tasks produce. Flows import `metaflow.cards`."""
