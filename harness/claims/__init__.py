"""Claims of model cards: whether they are consistent, and equivalent to what was measured."""
