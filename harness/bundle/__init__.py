"""A run as one archive, and the check that it still is what it was."""
