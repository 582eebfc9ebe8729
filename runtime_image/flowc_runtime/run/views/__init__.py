"""The read model of runs: views of the records in the store for commands, the client, cards and pages."""
