"""Decoding payloads into columns of exact values."""
