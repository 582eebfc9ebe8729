"""What ended runs leave in a bucket below `ended/`, so that few requests list and read them (docs/adr/0037)."""
