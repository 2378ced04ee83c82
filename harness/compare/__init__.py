"""Two runs on the clips of both: pairing, differences, policies, the gate and its verdict."""
