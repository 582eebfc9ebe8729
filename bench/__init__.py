"""`python -m bench`: measure the time and memory that flowc needs, relative to the least that the machine allows."""
