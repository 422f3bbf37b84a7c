"""Rows in the order of keys: columns as digits, digits as words, and words sorted in parts that fit the cache."""
