"""Models side by side on the same clips: ranks, and which of them are more than chance."""
