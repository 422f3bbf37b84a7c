"""Generators of the data that the benchmarks and examples run on; what they make is cached, never committed."""
