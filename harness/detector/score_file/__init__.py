"""Scores that were computed elsewhere, read from a file."""
