"""Sound in memory, decoded from whatever a recording is stored as."""
