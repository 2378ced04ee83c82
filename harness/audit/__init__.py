"""Audits of a test set from the table of a run: wrong or swapped labels, verdicts that flip."""
