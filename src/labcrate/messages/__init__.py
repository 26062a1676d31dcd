"""Messages as values: what labcrate says to users, as an id with its values.

Make one with ``Message("csv.bad_payload", file=path, count=3)``. The text of an id is in ``english/<room>.py``, its
translations are in ``web/pages/translations/<language>/LC_MESSAGES/<room>.po`` under the same id. How values are
written, and how singular and plural are chosen, is described in ``message.py``.
"""
