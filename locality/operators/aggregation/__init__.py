"""Aggregation: accumulators, groups by dense codes, clusters or hashing, and the operator over them."""
