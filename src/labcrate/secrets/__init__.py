"""The lab's secrets as values, from its own files: the search for them, and their removal from everything exported."""
