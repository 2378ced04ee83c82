"""The waist: the scores table, the run record and the figures that lie in a run directory."""
