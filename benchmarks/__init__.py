"""Benchmarks whose results are compared with a baseline that is measured in the same run: ``make bench``."""
