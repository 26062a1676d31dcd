"""Routes that answer in JSON or with files, one module a resource."""
