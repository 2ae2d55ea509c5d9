"""The statistics: readable views of a snapshot, each of them a frozen value.

A report never counts anything itself and never reads a clock. What was not measured is None, never 0.
"""
