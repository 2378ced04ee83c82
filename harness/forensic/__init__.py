"""Strength of a score as evidence, from finished tables of scores: no audio, no torch."""
