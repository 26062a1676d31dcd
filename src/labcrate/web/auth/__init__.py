"""Logins: who may try, and how often."""
