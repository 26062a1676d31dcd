"""The Python API: a lab to export from, and an archive to read without unpacking it."""
