"""`python -m bench`: the time and memory that flowc needs, as ratios to the floors of the machine."""
