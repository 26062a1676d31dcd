"""Users, their roles and logins, and the logs of exports and links.

They are kept apart from the index, because they cannot be rebuilt from the lab's files.
"""
