"""Load the readings of a session from the files of a lab."""
