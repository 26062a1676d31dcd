"""The index: what labcrate found out about each file of a lab. It can be rebuilt from the files."""
