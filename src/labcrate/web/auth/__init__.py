"""Log users in and check what they may do: logins, tokens, roles, studies, second factor, limits on attempts."""
