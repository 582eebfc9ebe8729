"""The front end of the Metaflow API."""
