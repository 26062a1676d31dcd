"""The documents that labcrate writes into an archive. Each depends only on the plan."""
