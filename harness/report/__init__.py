"""Pages and texts from finished figures; nothing is computed here."""
