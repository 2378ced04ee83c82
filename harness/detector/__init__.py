"""Detectors: adapters that turn waves, or a file of scores, into log-odds of fake."""
