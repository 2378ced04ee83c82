"""A synthetic voice, synthetic rooms, and resyntheses as fakes: all computed, nothing recorded."""
