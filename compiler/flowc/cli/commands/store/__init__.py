"""Commands that read a store, or take something out of it."""
