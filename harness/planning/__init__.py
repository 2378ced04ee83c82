"""What a run would take, measured on a sample of it: time, bytes, memory, and what limits it."""
