"""The classes with which programs run and deploy flows."""
