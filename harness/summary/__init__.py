"""From the scores table to every figure of a run: cells, intervals, damage, curves, warnings."""
