"""Writing the readings of a session as tables."""
