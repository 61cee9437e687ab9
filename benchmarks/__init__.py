"""Benchmarks: what an operation costs in requests, time and memory. `python -m benchmarks` runs them."""
