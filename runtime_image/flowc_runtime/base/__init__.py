"""Modules that all other packages of the runtime import: errors, settings, the contract of pods, addresses."""
