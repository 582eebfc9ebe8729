"""Where objects are kept: a directory, a bucket, memory; and what reads, checks and moves them."""
