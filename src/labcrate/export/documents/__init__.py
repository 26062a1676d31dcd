"""The documents that labcrate writes into an archive. Each is a function of the plan alone."""
