"""What of a session goes into an archive: the options that choose it."""
