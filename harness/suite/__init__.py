"""Suite files and their conditions."""
