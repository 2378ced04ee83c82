"""The one loop: clips in, rows of the scores table out."""
