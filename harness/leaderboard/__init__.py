"""Many models on the same clips, and one model over its releases."""
