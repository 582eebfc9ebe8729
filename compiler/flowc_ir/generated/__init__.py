"""What `make generate` writes from the classes of the IR: the reader, the writer, the limits and the JSON Schema."""
