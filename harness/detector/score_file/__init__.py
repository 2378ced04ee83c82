"""Scores that were computed elsewhere, read from a file as they are stated to be."""
