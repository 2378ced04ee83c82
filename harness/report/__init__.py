"""The page: receives finished numbers and computes none."""
