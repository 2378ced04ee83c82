"""Data sources, each of which lists its recordings as `Clip`s."""
