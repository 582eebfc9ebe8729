"""Shell commands and notebooks: the steps that run in other processes than their tasks."""
