"""Functions that make strings, over some rows at a time: what is part of another string is copied at the end alone."""
