"""Who may do what in a lab, and who did what: users, logins, tokens, the log of exports and links.

Kept apart from the index: none of it can be computed again.
"""
