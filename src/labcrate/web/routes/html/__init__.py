"""Routes that answer with pages, one module a page."""
