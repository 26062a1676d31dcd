"""Frozen value types that every floor above speaks in. No I/O happens here."""
