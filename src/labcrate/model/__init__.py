"""Frozen value types that all rooms above use. No I/O happens here."""
