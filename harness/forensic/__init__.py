"""What a score is worth as evidence, from finished tables of scores: no audio, no torch."""
