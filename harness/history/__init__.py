"""Runs over time: releases of a detector and the steps between them; no audio, no torch."""
