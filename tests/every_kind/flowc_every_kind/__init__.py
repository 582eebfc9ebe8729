"""One plugin of each kind, for tests; entry_points.txt beside this package registers them."""
