"""Routes that answer with pages; those that belong together share a module."""
