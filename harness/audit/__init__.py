"""Questions about a card, a test set or a detector; an audit reports and decides nothing."""
