"""The lab's sensor readings: loaded from both unified files, cut to a session, written as tables.

Nothing is imported here: the modules that read and write import Polars, which a lab without readings does not need.
"""
