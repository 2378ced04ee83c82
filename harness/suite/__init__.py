"""Suite files and the conditions that they ask for."""
