"""Preparing readings for plots: numbers from payloads, and fewer points for the same line."""
