"""Storages of files, for extensions; `metaflow.datastore.datastore_storage` has their base class."""
