"""The lab folder: where things are, how its files parse. Everything here only reads."""
