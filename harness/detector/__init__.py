"""Detectors: whatever turns waves into log-odds of fake."""
