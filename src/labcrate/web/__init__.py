"""The lab in a browser: HTTP API, pages, logins, and downloads that resume."""
