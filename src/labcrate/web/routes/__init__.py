"""Routes: each turns a request into a response."""
