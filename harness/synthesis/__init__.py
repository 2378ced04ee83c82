"""A synthetic voice, its rooms, and the ways to fake it: signals from numbers alone."""
