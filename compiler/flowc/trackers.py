"""Trackers of experiments: what a package implements to receive the metrics of runs.

A package registers an object with these methods as an entry point of the group `flowc.trackers`; the setting `tracker`
names it. docs/pipelines.md has an example.
"""

from flowc_runtime.run.metrics.tracker import EndState, TrackedMetric, TrackedRun, Tracker

__all__ = ["EndState", "TrackedMetric", "TrackedRun", "Tracker"]
