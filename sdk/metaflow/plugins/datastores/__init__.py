"""Storages of files, for extensions: `metaflow.datastore.datastore_storage` has what they have in common."""
