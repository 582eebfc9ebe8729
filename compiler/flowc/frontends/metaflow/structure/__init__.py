"""The steps of a flow's class and how they lead to each other: the graph."""
