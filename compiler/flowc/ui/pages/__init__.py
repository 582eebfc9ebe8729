"""The answers to requests, one module per kind of page."""
