"""What commands print: errors, logs, cards, progress."""
