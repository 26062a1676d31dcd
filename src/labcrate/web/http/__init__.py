"""HTTP in general: conditional requests, bodies, rate and connection limits, connections, headers, problem details."""
