"""Make near misses part of their session, and take links back."""
