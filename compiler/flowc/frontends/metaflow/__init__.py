"""The front end for flows that are written with the Metaflow API."""
