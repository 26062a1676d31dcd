"""Let people in: logins, tokens, roles, studies, second factor, and limits on guesses."""
