"""The embedded default: the corpus's recipe, the detector and the recipe that trained it."""
