"""Commands that read a store or delete from it."""
