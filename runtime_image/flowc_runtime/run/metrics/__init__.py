"""Metrics of tasks: recording and reading them, and sending them to a tracker."""
