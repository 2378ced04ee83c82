"""Two runs paired on their common clips: differences, release policies, gates and baselines."""
