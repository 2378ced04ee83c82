"""Perturbations, one file a family."""
