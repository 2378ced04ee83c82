"""Questions that a run's table answers about its test set: labels and flips."""
