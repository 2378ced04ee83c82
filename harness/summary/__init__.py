"""All figures of a run from its scores table: cells, intervals, damage, curves, warnings."""
