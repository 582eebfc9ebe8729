"""The storage in which extensions keep files; to read the records of runs, use the client or `flowc dump`."""
