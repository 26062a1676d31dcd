"""Routes that answer with JSON or files, one module for each resource."""
