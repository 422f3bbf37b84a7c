"""Kernels under construction: blocks and rows, how columns are reached, values that are looked up by code."""
