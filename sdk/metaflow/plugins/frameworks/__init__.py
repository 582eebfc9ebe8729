"""Support for frameworks that train on several machines."""
