"""`python -m bench`: what flowc costs, as ratios against the floors of the machine that it runs on."""
