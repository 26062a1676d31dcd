"""The server: HTTP API, pages for browsers, logins, and downloads that can be resumed.

``server`` listens, ``app`` collects the routes, ``lifespan`` starts and ends the ``resources``. ``routes`` handle
requests, ``archives`` plans and caches archives, ``downloads`` sends bytes, ``auth`` checks logins and permissions,
``pages`` renders HTML, ``http`` has what concerns HTTP only, ``executor`` runs work in threads.
"""
