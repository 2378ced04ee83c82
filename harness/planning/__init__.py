"""Plans of runs from a measured sample: time, bytes, memory and the limiting resource."""
