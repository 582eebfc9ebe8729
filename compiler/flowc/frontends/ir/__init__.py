"""The front end for flows that are given as a JSON file with their IR, together with the code that the IR names."""
