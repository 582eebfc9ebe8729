"""Front ends: they read a flow's source and return its IR. Only they parse user code with `ast`; none runs a step."""
