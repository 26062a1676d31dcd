"""Draw readings: numbers out of payloads, and fewer points for the same line."""
