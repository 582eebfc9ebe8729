"""Check a store, and delete unreferenced objects from it."""
