"""Examine a questioned recording: its facts, its scores, and what those are worth as evidence."""
