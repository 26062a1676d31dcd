"""Opening, locking, migrating and explaining a database, once for all that labcrate keeps in one.

All that knows the engine (SQLite) is in this room: placeholders, pragmas, result codes, the files of a database. Its
users have tables, queries in standard SQL with ``?`` for each value, and the sentences for what goes wrong.
"""
