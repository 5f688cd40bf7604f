"""Benchmarks: costs as ratios to a baseline of the same run, so that the machine does not matter."""
