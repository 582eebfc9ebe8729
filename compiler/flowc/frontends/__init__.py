"""Front ends: from source to IR. Only these modules look at a user's code with `ast`; none ever runs a step."""
