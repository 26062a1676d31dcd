"""Secrets by value: what the lab's own files say must not leave, found and blanked wherever it stands."""
