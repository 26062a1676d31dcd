"""Examine a lab and say what a person should look at, with its remedy."""
