"""What model cards claim, whether it fits together, and whether measured figures are equivalent."""
