"""Filters: predicates as sets of codes or computed, the zones that they exclude, and their loops."""
