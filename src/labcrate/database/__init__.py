"""Open, lock and migrate databases, and classify their errors, for all parts of labcrate that use one.

Everything specific to the engine (SQLite) is in this room: placeholders, pragmas, result codes, the files of a
database. The rooms that use it define tables, queries in standard SQL with ``?`` for each value, and error messages.
"""
