"""Makes previews of artifacts, which pages show: the beginning of a text, the head of a table, a histogram."""
