"""Whether a test set is fair: shortcuts, leakage and what a detector owes to them. Opens audio."""
