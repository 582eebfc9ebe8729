"""The storages in which extensions keep files; the base class is in `metaflow.datastore.datastore_storage`."""
