"""Link near misses to sessions, and undo links."""
