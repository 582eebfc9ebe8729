"""Metrics that tasks record: recording, reading, and sending them to an experiment tracker."""
