"""Plan an export: what of a session goes in, what stays out, with reasons; and the options that choose it."""
