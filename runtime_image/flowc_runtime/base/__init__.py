"""The base of the runtime, imported by its other packages: errors, settings, the contract of pods, addresses."""
