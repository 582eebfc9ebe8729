"""The pod of a task: its containers, volumes and options."""
