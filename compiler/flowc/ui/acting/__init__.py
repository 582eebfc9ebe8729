"""What a reader may do with `flowc ui --allow-actions`: forms that can be sent once, and processes."""
