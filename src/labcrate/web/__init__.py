"""Serve the lab in a browser: HTTP API, pages, logins, and downloads that resume.

``server`` listens, ``app`` puts routes together, ``lifespan`` starts what ``services`` holds. ``routes`` answer
requests, ``archives`` makes and keeps archives, ``downloads`` sends bytes, ``auth`` says who may do what, ``pages``
draws, ``http`` is HTTP alone, ``executor`` has the threads.
"""
