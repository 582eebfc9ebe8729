"""The read model of runs: views of the stored records, which commands, the client, cards and pages use."""
