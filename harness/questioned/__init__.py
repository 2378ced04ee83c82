"""Examining a questioned recording: what it is, what a detector says of it, what that is worth."""
