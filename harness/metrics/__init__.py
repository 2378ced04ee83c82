"""Pure functions of arrays; nothing of the project is imported here."""
