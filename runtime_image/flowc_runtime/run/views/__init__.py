"""The read model of runs: what commands, the client, cards and pages show of them, of the records in the store."""
