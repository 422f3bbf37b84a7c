"""Joins: by links where each row has at most one match, by pairs of positions where it may have several."""
