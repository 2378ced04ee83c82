"""A questioned recording: what it is, what a detector says of it, and what that is worth."""
