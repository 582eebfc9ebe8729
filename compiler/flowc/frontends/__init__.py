"""Front ends read a flow's source and return its IR. No other package parses user code; no front end runs a step."""
