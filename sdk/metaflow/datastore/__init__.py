"""Files of extensions in the store; the client and `flowc dump` read the records of runs."""
