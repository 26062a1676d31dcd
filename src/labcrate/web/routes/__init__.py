"""Routes: each turns a request into an answer."""
