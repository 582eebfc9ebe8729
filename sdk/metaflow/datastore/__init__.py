"""Files of extensions in the store; runs themselves are read with the client, or `flowc dump`."""
