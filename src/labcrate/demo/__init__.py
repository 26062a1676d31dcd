"""The sample lab: a small lab folder with everything in it that a real one surprises with."""
