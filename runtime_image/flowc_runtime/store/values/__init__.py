"""The encoding of values as bytes: codecs, files, and the classes and source files that decoding needs."""
