"""The index of a lab: fixity and probe of every recording, computed once. Safe to delete."""
