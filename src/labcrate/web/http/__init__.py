"""HTTP itself, apart from what this server is about: conditions, bodies, limits, connections, headers."""
