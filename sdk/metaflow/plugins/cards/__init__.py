"""Cards: reports that tasks make of themselves. `metaflow.cards` is what flows import."""
