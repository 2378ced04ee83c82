"""Recordings: decoded, mixed down and resampled, and the level of their speech."""
