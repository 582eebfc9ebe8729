"""Commands that read a store or delete data from it."""
