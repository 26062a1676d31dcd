"""Routes that answer with pages, one module for each group of pages."""
